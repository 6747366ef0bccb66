from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.feed import LIMIT_ITEMS, LINK_CHARS, TITLE_CHARS, NoFeed, from_json, from_xml

pytestmark = pytest.mark.unit


def rss(*items: str) -> str:
    return f"<rss><channel><title>Shop</title>{''.join(f'<item>{i}</item>' for i in items)}</channel></rss>"


def test_rss_atom_and_rdf_are_read():
    for document in (
        rss("<title>Miku</title><link>https://s/1</link><guid>a</guid>"),
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id><title>Miku</title>'
        '<link rel="enclosure" href="https://s/pic"/><link href="https://s/1"/></entry></feed>',
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        "<item><title>Miku</title><link>https://s/1</link></item></r:RDF>",
    ):
        (item,) = from_xml(fromstring(document))
        assert (item.title, item.link) == ("Miku", "https://s/1")


def test_an_item_is_known_by_its_id_then_its_link_then_its_title():
    def key(text):
        return from_xml(fromstring(rss(text)))[0].key

    assert key("<title>A</title><guid>1</guid>") == key("<title>A, now cheaper</title><guid>1</guid>")
    assert key("<title>A</title><link>https://s/1</link>") == key("<title>B</title><link>https://s/1</link>")
    assert key("<title>A</title>") != key("<title>B</title>")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "file:///etc", "https://a b", "https://x/" + "y" * LINK_CHARS]
)
def test_links_that_are_no_web_address_are_dropped(link):
    (item,) = from_json({"items": [{"id": "1", "title": "Miku", "url": link}]})
    assert (item.title, item.link) == ("Miku", "")


def test_titles_are_one_short_line():
    (item,) = from_json({"items": [{"id": "1", "title": "Miku\n\u202e 1/7\x00" + "x" * 500}]})
    assert item.title.startswith("Miku 1/7 x")
    assert len(item.title) == TITLE_CHARS


def test_a_long_feed_is_cut_and_a_double_entry_counts_once():
    entries = [{"id": str(n), "title": f"n{n}"} for n in range(LIMIT_ITEMS + 50)]
    assert len(from_json({"items": entries})) == LIMIT_ITEMS
    assert len(from_json({"items": entries[:1] * 5})) == 1


@pytest.mark.parametrize("document", [None, 3, "x", [], {}, {"items": {}}])
def test_json_that_is_no_feed(document):
    with pytest.raises(NoFeed):
        from_json(document)


def test_xml_that_is_no_feed():
    with pytest.raises(NoFeed):
        from_xml(fromstring("<html/>"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["items", "id", "title", "url"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_json_breaks_it(document):
    try:
        items = from_json(document)
    except NoFeed:
        return
    assert all(item.title and len(item.key) == 16 for item in items)
