import pytest

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.feed_http import LIMIT_BYTES, REDIRECTS, FeedHttp
from tests.doubles.feed import FeedDouble, body, cut, fail, hang, moved, zeros

pytestmark = pytest.mark.flow

BOMB = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<rss><channel><item><title>&b;</title></item></channel></rss>"""
ENTITY = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rss><channel><item><title>&x;</title></item></channel></rss>"""


@pytest.mark.parametrize("kind", ["rss", "atom", "json"])
async def test_three_kinds_of_feed_give_the_same_items(kind):
    async with FeedDouble(kind) as double:
        double.add("Snow <Miku> & friends", "https://shop.example/snow?a=1&b=2")
        double.add("Racing Miku", "https://shop.example/racing")
        poll = await FeedHttp(double.url).fetch()
    assert poll is not None
    assert [(item.title, item.link) for item in poll.items] == [
        ("Racing Miku", "https://shop.example/racing"),
        ("Snow <Miku> & friends", "https://shop.example/snow?a=1&b=2"),
    ]
    assert len({item.key for item in poll.items}) == 2


async def test_an_unchanged_feed_is_not_sent_again():
    async with FeedDouble() as double:
        double.add("Miku")
        feed = FeedHttp(double.url)
        first = await feed.fetch()
        assert first is not None
        assert await feed.fetch(etag=first.etag) is None
        assert await feed.fetch(modified=first.modified) is None
        assert double.n_unchanged == 2
        double.add("Luka")
        second = await feed.fetch(first.etag, first.modified)
        assert second is not None
        assert len(second.items) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (fail(500), "feed_unreachable"),
        (fail(404), "feed_unreachable"),
        (cut, "feed_unreachable"),
        (hang, "feed_unreachable"),
        (moved("http://other.example/feed"), "feed_unreachable"),
        (moved("file:///etc/passwd"), "feed_unreachable"),
        (moved("http://[broken"), "feed_unreachable"),
        (zeros(LIMIT_BYTES + 1), "feed_unusable"),
        (body(b"<html><body>Shop closed</body></html>"), "feed_unusable"),
        (body(b"<rss><channel>"), "feed_unusable"),
        (body(b""), "feed_unusable"),
        (body(b"\x00\xff\xfe"), "feed_unusable"),
        (body(BOMB), "feed_unusable"),
        (body(ENTITY), "feed_unusable"),
        (body(b'{"items": 3}'), "feed_unusable"),
        (body(b'{"items": [' + b"[" * 100_000), "feed_unusable"),
        (body(b"<a>" * 1000), "feed_unusable"),
    ],
)
async def test_what_a_shop_may_do_instead_is_told_with_a_code(answer, code):
    async with FeedDouble() as double:
        double.play(answer)
        with pytest.raises(BackendError) as raised:
            await FeedHttp(double.url, timeout_s=0.5 if answer is hang else 10).fetch()
        assert raised.value.code == code
        assert await FeedHttp(double.url).fetch() is not None, "and the next one is answered"


async def test_redirects_are_followed_on_the_same_host_and_not_for_ever():
    async with FeedDouble() as double:
        double.add("Miku")
        double.play(moved("/new"), moved("feed2"))
        poll = await FeedHttp(double.url).fetch()
        assert poll is not None
        assert [item.title for item in poll.items] == ["Miku"]
        double.play(*[moved("/again")] * (REDIRECTS + 1))
        with pytest.raises(BackendError, match="redirects"):
            await FeedHttp(double.url).fetch()


async def test_a_shop_that_is_not_there():
    async with FeedDouble() as double:
        url = double.url
    with pytest.raises(BackendError) as raised:
        await FeedHttp(url).fetch()
    assert raised.value.code == "feed_unreachable"


@pytest.mark.parametrize("url", ["ftp://shop/feed", "shop", "http://", "http://[", "file:///etc/passwd"])
def test_an_address_that_can_not_be_used_is_refused_at_once(url):
    with pytest.raises(BadSettings, match=r"figurines\.feed_url"):
        FeedHttp(url)
