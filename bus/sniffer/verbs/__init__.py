"""The verbs, in the order of the overview: one verb, one file."""

from bus.sniffer.verbs.base import FileVerb, Verb
from bus.sniffer.verbs.bw import Bw
from bus.sniffer.verbs.delay import Delay
from bus.sniffer.verbs.doctor import Doctor
from bus.sniffer.verbs.echo import Echo
from bus.sniffer.verbs.export import Export
from bus.sniffer.verbs.hz import Hz
from bus.sniffer.verbs.list import List
from bus.sniffer.verbs.listen import Listen
from bus.sniffer.verbs.play import Play
from bus.sniffer.verbs.record import Record
from bus.sniffer.verbs.top import Top
from bus.sniffer.verbs.turn import Turn
from bus.sniffer.verbs.watch_control import WatchControl

AnyVerb = type[Verb] | type[FileVerb] | type[Play]

VERBS: dict[str, AnyVerb] = {
    verb.name: verb
    for verb in (
        List, Echo, Hz, Bw, Delay, Turn, Top, WatchControl, Listen, Record, Play, Doctor, Export
    )
}  # fmt: skip
