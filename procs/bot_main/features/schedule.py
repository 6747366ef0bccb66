"""Jobs by the clock: weekly posts, bedtime, wake-up, birthdays; `core/schedule.py` has the table.

Each job is a document on the shelf with the time at which it is due next. That time is moved on, and on
disk, before the job is done, so a crash skips rather than repeats. While the gate is closed nothing begins
and nothing is moved on; the same goes for the jobs of a guild that is away. Afterwards what is overdue is
done once, with a pause between two jobs, or skipped if it is too late for it.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.base_schedule import Scheduler
from procs.bot_main.core import schedule as core
from procs.bot_main.core.chat import DM, Post
from procs.bot_main.core.schedule import Job, When
from procs.bot_main.feature_settings import ScheduleSettings
from procs.bot_main.features.base import Call, Feature, Kit, Unasked
from procs.bot_main.mood_now import ASLEEP, MOOD, mood_key, mood_now
from procs.bot_main.outage import Outage
from procs.bot_main.zone_now import ZONE, zone_name, zone_of

GAP_S = 5.0
"""Between two jobs: what became due together is no burst."""
RETRY_S = 60.0
"""After a job that Discord did not take."""
USAGE = {
    "schedule": "Say `schedule list`, `schedule add <weekday> <HH:MM> <text or link>`, "
    "`schedule remove <number>` or `schedule zone <Area/City>`.",
    "birthday": "Say `birthday <MM-DD>`, like `birthday 08-31`, or `birthday off`.",
    "bedtime": "Say `bedtime <HH:MM>`, `bedtime <HH:MM> <HH:MM>` with the time to wake up, or `bedtime off`.",
}


class Schedule(Unasked):
    """Implements `Feature` and `Clerk`."""

    name = "schedule"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        zone = kit.section(ScheduleSettings).timezone
        if zone_of(zone) is None:
            raise BadSettings(f"schedule.timezone {zone!r} is no time zone: write it like Europe/Berlin")
        self._zone = zone
        self._outage = Outage(kit.bus.log, self.name)
        self._kept: dict[str, Job] | None = None
        self._next_ns = 0
        self._does: dict[str, Callable[[Job, int], Awaitable[None]]] = {
            "post": self._post,
            "bedtime": self._bedtime,
            "wakeup": self._wakeup,
            "birthday": self._birthday,
        }

    @property
    def code(self) -> str:
        """Error code while Discord takes no posts, else empty."""
        return self._outage.code

    async def run(self) -> None:
        await self._scheduler.run(self)

    async def command(self, call: Call) -> str:
        """`schedule ...`, `birthday ...`, `bedtime ...`."""
        if call.guild_id == DM:
            return "That works in a server only."
        act = {"schedule": self._on_schedule, "birthday": self._on_birthday, "bedtime": self._on_bedtime}
        answer = act[call.command](call) or USAGE[call.command]
        self._scheduler.changed()
        return answer

    # --- Clerk --------------------------------------------------------------------------------------

    def jobs(self) -> Iterable[Job]:
        return list(self._jobs.values())

    def keep(self, job: Job) -> None:
        if job.id in self._jobs:  # it may have been removed while it was done
            self._put(job)

    def may_fire(self, job: Job) -> bool:
        """A job of a guild that is away waits too, until it is too late for it and it is skipped."""
        if not self._is_there(job) and not self._is_past(job):
            return False
        return self._kit.bus.clock.mono_ns() >= self._next_ns and self._kit.gate.may_begin(self.name)

    def next_ms(self, job: Job, after_ms: int) -> int:
        return core.next_ms(job.when, after_ms, self._zone_of(job.guild_id))

    async def fire(self, job: Job, due_ms: int) -> bool:
        async with self._kit.gate.work(self.name) as allowed:
            if not allowed:
                return False
            if job.id not in self._jobs:
                return True
            if not self._is_there(job):
                return False
            await self._noted()
            return await self._do(job, due_ms)

    def skipped(self, job: Job) -> None:
        self._kit.bus.log.info("job skipped", job=job.id, kind=job.kind)

    # --- jobs ---------------------------------------------------------------------------------------

    def _is_there(self, job: Job) -> bool:
        """Whether its guild is: none is during an outage, and before Discord has told of it."""
        return job.guild_id in self._kit.chat.guild_ids()

    def _is_past(self, job: Job) -> bool:
        """Whether it is too late for it, also for those times of it that have come since."""
        now_ms = self._now_ms
        return job.is_too_late(now_ms) and self.next_ms(job, now_ms - 1_000 * (job.grace_s or 0)) > now_ms

    async def _do(self, job: Job, due_ms: int) -> bool:
        """False = it is worth trying again."""
        gap_s = GAP_S
        try:
            await self._does[job.kind](job, due_ms)
            self._outage.ends()
            self._kit.bus.log.info("job done", job=job.id, kind=job.kind)
        except BackendError as error:
            self._outage.begins(error)
            gap_s = GAP_S if error.code == "discord_forbidden" else RETRY_S
        self._next_ns = self._kit.bus.clock.mono_ns() + round(gap_s * 1e9)
        return gap_s != RETRY_S

    async def _post(self, job: Job, due_ms: int) -> None:
        """The words of an administrator: a link is for the video behind it."""
        await self._say(job, due_ms, Post(job.text, unfolds_links=True))

    async def _bedtime(self, job: Job, due_ms: int) -> None:
        """Asleep is a mood with an end, so she wakes up even if nobody wakes her."""
        wakeup = self._jobs.get(f"wakeup-{job.guild_id}")
        end_ms = self.next_ms(wakeup, self._now_ms) if wakeup else self._now_ms + core.SLEEP_MS
        self._kit.shelf.put(MOOD, mood_key(job.guild_id), {"name": ASLEEP, "until_ms": end_ms})
        await self._say(job, due_ms, Post(core.line(core.GOODNIGHTS, due_ms // 86_400_000)))

    async def _wakeup(self, job: Job, due_ms: int) -> None:
        """Only who sleeps wakes up; her next mood is the rotation's."""
        if mood_now(self._kit.shelf, job.guild_id) == ASLEEP:
            self._kit.shelf.put(MOOD, mood_key(job.guild_id), None)

    async def _birthday(self, job: Job, due_ms: int) -> None:
        """Who has left the server is not greeted."""
        person = await self._kit.chat.person(job.guild_id, job.user_id)
        if person is None:
            self._kit.bus.log.info("nobody to greet", job=job.id)
            return
        greeting = core.line(core.BIRTHDAYS, due_ms // 86_400_000 + job.user_id, person.name)
        await self._say(job, due_ms, Post(f"{greeting} <@{job.user_id}>", pings=(job.user_id,)))

    async def _say(self, job: Job, due_ms: int, post: Post) -> None:
        await self._kit.chat.send(job.channel_id, replace(post, nonce=core.nonce(job, due_ms)))

    async def _noted(self) -> None:
        """The job's next time is on disk; if not, it is done all the same: a crash might repeat it."""
        try:
            await self._kit.shelf.stored()
        except BackendError as error:
            self._kit.bus.log.warning("job not noted", code=error.code)

    # --- commands: each returns empty for what it does not understand ---------------------------------

    def _on_schedule(self, call: Call) -> str:
        verb, _, rest = call.text.strip().partition(" ")
        if verb in ("", "list") and not rest:
            return self._list(call.guild_id)
        if verb == "add":
            return self._add_post(call, rest.strip())
        if verb == "remove":
            gone = self._jobs.get(f"post-{call.guild_id}-{rest.strip()}")
            self._drop(gone.id if gone else "")
            return "It's gone." if gone else "There is no post of that number: see `schedule list`."
        return self._set_zone(call.guild_id, rest.strip()) if verb == "zone" and rest else ""

    def _list(self, guild_id: int) -> str:
        mine = [job for job in self.jobs() if job.guild_id == guild_id]
        posts = sorted((int(job.id.rpartition("-")[2]), job) for job in mine if job.kind == "post")
        lines = [f"{n}. {core.told(job.when)}: {job.text[:80]}" for n, job in posts]
        others = [job for job in mine if core.KINDS[job.kind].is_single]
        lines += [f"{core.KINDS[job.kind].title}: {core.told(job.when)}" for job in others]
        n_birthdays = sum(job.kind == "birthday" for job in mine)
        lines += [f"Birthdays: {n_birthdays}"] if n_birthdays else []
        zone = self._zone_name(guild_id)
        return "\n".join(lines or ["Nothing is scheduled."]) + f"\nTime zone: {zone}"

    def _add_post(self, call: Call, text: str) -> str:
        found = core.weekly(text)
        if found is None:
            return ""
        if len(found[1]) > core.TEXT_CHARS:
            return f"That is too long: {core.TEXT_CHARS} characters at most."
        free = (f"post-{call.guild_id}-{n}" for n in range(1, core.JOBS_PER_GUILD + 1))
        id_ = next((id_ for id_ in free if id_ not in self._jobs), "")
        if not id_:
            return f"There are {core.JOBS_PER_GUILD} posts already: remove one first."
        job = self._new(Job(id_, "post", call.guild_id, call.channel_id, found[0], text=found[1]))
        return f"I'll post that here, {core.told(job.when)} ({self._zone_name(call.guild_id)})."

    def _on_birthday(self, call: Call) -> str:
        id_ = f"birthday-{call.guild_id}-{call.person.id}"
        if call.text.strip().lower() == "off":
            self._drop(id_)
            return "I've forgotten your birthday."
        found = core.month_day(call.text)
        if found is None:
            return ""
        n = sum(job.kind == "birthday" and job.guild_id == call.guild_id for job in self.jobs())
        if n >= core.BIRTHDAYS_PER_GUILD and id_ not in self._jobs:
            return "I can't remember any more birthdays here."
        when = When(core.GREETED_AT.hour, core.GREETED_AT.minute, month=found[0], day=found[1])
        self._new(Job(id_, "birthday", call.guild_id, call.channel_id, when, user_id=call.person.id))
        return f"Noted: {found[0]:02}-{found[1]:02}. I'll greet you here."

    def _on_bedtime(self, call: Call) -> str:
        words, ids = call.text.split(), [f"{kind}-{call.guild_id}" for kind in ("bedtime", "wakeup")]
        if not words:
            kept = [self._jobs[id_] for id_ in ids if id_ in self._jobs]
            shown = [f"{core.KINDS[job.kind].title}: {core.told(job.when)}" for job in kept]
            return "\n".join(shown) or f"I have no bedtime here. {USAGE['bedtime']}"
        if [word.lower() for word in words] == ["off"]:
            for id_ in ids:
                self._drop(id_)
            if mood_now(self._kit.shelf, call.guild_id) == ASLEEP:
                self._kit.shelf.put(MOOD, mood_key(call.guild_id), None)
            return "Then I'll stay up."
        times = [core.clock_time(word) for word in words]
        if not 1 <= len(times) <= 2 or times[0] is None or times[-1] is None:
            return ""
        night = (times[0], times[1] or time() if len(times) == 2 else core.waking(times[0]))
        if night[0] == night[1]:
            return "I need some sleep: the two times must differ."
        for id_, kind, at in zip(ids, ("bedtime", "wakeup"), night, strict=True):
            self._new(Job(id_, kind, call.guild_id, call.channel_id, When(at.hour, at.minute)))
        return f"I'll sleep from {night[0]:%H:%M} to {night[1]:%H:%M} ({self._zone_name(call.guild_id)})."

    def _set_zone(self, guild_id: int, name: str) -> str:
        zone = zone_of(name)
        if zone is None:
            return "I don't know that time zone: write it like `Europe/Berlin`."
        self._kit.shelf.put(ZONE, str(guild_id), {"name": name})
        for job in [job for job in self.jobs() if job.guild_id == guild_id]:
            self._put(core.moved(job, self._now_ms, zone))
        return f"All times here are of {name} now."

    # --- what is kept -------------------------------------------------------------------------------

    @property
    def _jobs(self) -> dict[str, Job]:
        """By id; read from the shelf once, since nobody else writes them."""
        if self._kept is None:
            found = (Job.of(document) for _, document in self._kit.shelf.all("job"))
            self._kept = {job.id: job for job in found if job is not None}
        return self._kept

    def _new(self, job: Job) -> Job:
        moved = core.moved(job, self._now_ms, self._zone_of(job.guild_id))
        self._put(moved)
        return moved

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._kit.shelf.put("job", job.id, job.document())

    def _drop(self, id_: str) -> None:
        if self._jobs.pop(id_, None):
            self._kit.shelf.put("job", id_, None)

    def _zone_name(self, guild_id: int) -> str:
        return zone_name(self._kit.shelf, guild_id, self._zone)

    def _zone_of(self, guild_id: int) -> ZoneInfo:
        return ZoneInfo(self._zone_name(guild_id))

    @property
    def _scheduler(self) -> Scheduler:
        return self._kit.service(Scheduler)  # type: ignore[type-abstract]

    @property
    def _now_ms(self) -> int:
        return self._kit.bus.clock.wall_ns() // 1_000_000


def make(kit: Kit) -> Feature:
    """The feature."""
    return Schedule(kit)
