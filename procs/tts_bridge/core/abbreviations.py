"""Words whose full stop does not end a sentence, by language. Pure tables.

All languages are looked up at once, since a reply's language is not known; so a word that is common in one
language stands here only in the group that can tell it from the abbreviation.
"""

import re

from procs.tts_bridge.core.wordlist import words


def _all(tables: dict[str, str]) -> frozenset[str]:
    return frozenset(word for table in tables.values() for word in words(table))


TITLES = _all({
    "en": "Mr Mrs Ms Mx Dr Prof St Mt Gen Sen Rep Gov Capt Cpt Lt Col Sgt Maj Cmdr Rev Fr Hon Pres Supt Insp",
    "de": "Hr Frl Dipl Ing Mag Hl",
    "fr": "Mme Mlle Mgr Pr Ste",
    "es": "Sr Sra Srta Dra Lic Ud Uds Vd Dña Profa Av Avda",
    "pt": "Exmo Eng",
    "it": "Sig Dott Avv Geom Egr Gent Sigg Mons",
    "nl": "Dhr Mevr Mw Drs Mej",
    "pl": "Płk Ks Inż",
    "cs": "Bc MUDr JUDr RNDr PhDr",
    "ro": "Dl Dna",
    "tr": "Doç Sn Yrd Cad",
    "el": "Δρ Αγ Καθ Κος",
    "id": "Bpk Sdr Yth Tn Ny",
    "vi": "TS ThS PGS GS TP",
    "hi": "डॉ प्रो श्री पं कु डा",
    "bn": "ডা ডাঃ ড মো",
    "ta": "திரு",
})  # fmt: skip
"""Before a name; as written, capital included."""

LEADING = _all({
    "en": "mr mrs ms dr prof e.g i.e cf viz vs approx esp incl resp messrs",
    "de": "z.b d.h u.a i.d.r s.o s.u z.t o.g u.u v.a m.e i.a bzw ggf evtl inkl exkl vgl sog bspw allg "
          "ehem geb gest zzgl ugs str dr.med",
    "fr": "p.ex c.-à-d càd env éd av bd boul mme mlle",
    "es": "p.ej aprox avda gral depto sr sra srta dra",
    "it": "p.es sig dott avv geom",
    "nl": "bijv ong o.a d.w.z m.b.t i.v.m t.o.v m.a.w a.u.b i.p.v dhr mevr",
    "pl": "np tzn tzw m.in ul wg św inż",
    "cs": "např tzv tj mj popř mudr ing sv",
    "sk hr": "napr npr",
    "sv": "t.ex bl.a d.v.s dvs s.k jfr f.d ang",
    "da no": "f.eks jf ekskl hr",
    "fi": "esim ks huom vrt",
    "hu": "pl ún özv ifj",
    "tr": "örn bkz",
    "ru": "т.е т.к т.н ул напр проф акад г-н г-жа пр просп д-р ср",
    "uk": "т.зв вул див ім",
    "bg": "т.нар",
    "el": "π.χ δηλ βλ λ.χ κ.α κ κα",
    "id": "jl a.n",
})  # fmt: skip
"""Always followed by what they belong to; in any case."""

CLOSING = _all({
    "en": "etc a.m p.m inc ltd corp co ex jr ph.d b.a m.a b.c a.d al ft sq oz lbs tbsp tsp",
    "de": "usw u.s.w u.ä o.ä u.v.m v.chr n.chr u.a.m u.dgl jh jhd",
    "fr": "j.-c",
    "es": "ee.uu a.c d.c s.a",
    "pt": "ltda",
    "it": "ecc s.p.a",
    "nl": "enz",
    "pl": "itd itp n.e p.n.e",
    "cs": "atd apod",
    "sv": "osv m.m m.fl o.s.v e.kr f.kr",
    "da no": "m.v mv o.l",
    "fi": "jne yms tms eaa ekr jkr",
    "hu": "stb i.sz i.e",
    "ro": "ș.a ş.a ș.a.m.d î.hr d.hr",
    "tr": "vb m.ö m.s",
    "ru": "т.д т.п др пр.н н.э руб тыс млн млрд гг вв см им чел",
    "uk": "ін н.е грн тис",
    "el": "κ.λπ κλπ κ.ά κ.ο.κ π.μ μ.μ μ.χ",
    "vi": "v.v",
    "id": "dll dsb dst",
})  # fmt: skip
"""Often the last word: the sentence goes on only with a small letter or a digit."""

NUMBERED = _all({
    "en": "no nos fig figs vol ch sec art p pp par ca op ver eq",
    "en months": "jan feb mar apr jun jul aug sep sept oct nov dec",
    "de": "nr abb kap bd tab abs s",
    "es": "núm cap pág págs",
    "it": "n pag",
    "nl": "blz hfst",
    "pl": "godz rozdz poz rys r",
    "cs": "č čl odst",
    "sv": "kl sid",
    "fi": "nro klo luku",
    "hu": "sz kb",
    "ru": "стр рис гл п ст д кв ок",
    "uk": "стор",
    "el": "σελ αρ κεφ",
    "tr": "sf",
    "id": "hal hlm",
})  # fmt: skip
"""Words or abbreviations: the latter only before a number."""
NUMBERED_ENDS = ("str",)
"""The same for the ends of compounds: `Hauptstr. 5`."""
ELIDED = re.compile(r"^(?:l|d|un|dell|all|nell|sull|qu|c|j|s|n|m|t)'(?=\w{2})")
"""Articles that are one token with the word behind: `l'avv.`."""

MONTHS = _all({
    "de": "Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember "
          "Jahrhundert Jahrhunderts Weltkrieg Weltkriegs",
    "et lv": "Jaanuar Veebruar Märts Aprill Juuni Juuli Oktoober Detsember",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
})  # fmt: skip
"""Behind a number with a full stop these make it a date: languages that write them with a capital."""

ORDINAL_HEADS = frozenset(
    words("""
    am der die das dem den des im zum zur vom beim ab bis seit jeder jede jedes jeden jedem
    ein eine einen einem mein meinen meinem dein deinen sein seinen seinem ihr ihren ihrem unser unseren euren
    det från fra til
""")
)
"""Before a number with a full stop these make it an ordinal: `am 3. Mai`, `der 2. Platz`."""

STARTERS = frozenset(words("""
    The This That These Those It It's He She We They You I I'm I'll I've A An But And So Then There There's
    Here Here's In On At If When What Why How Who Where My Your His Her Our Their Its Let Let's Now Please
    Yes No Not Maybe Well Also Just Do Did Does Is Are Was Were Can Could Would Should Will Have Has Don't
    After Before Because Since While As For To From With Every All Some Most Many One Only Even Once
    Der Die Das Ein Eine Er Sie Es Wir Ihr Ich Und Aber Dann Hier Wenn Was Wie Warum Wo Dort Danach Später
    Le La Les Un Une Il Elle On Nous Vous Ils Je Et Mais Puis Alors C'est Ce Cette Quand
    El Los Las Una Él Ella Nosotros Ellos Yo Y Pero Luego Entonces Es Cuando Después
    O Os As Um Uma Ele Ela Nós Eu E Mas Depois Quando
    Lo Gli Noi Ma Poi Dopo
    De Het Een Hij Zij We Ik En Maar Toen Daarna
    Han Hon Det Den Vi Jag Och Men Sedan Så Hun Jeg Og
    Он Она Оно Они Мы Вы Я И Но А Потом Затем Это Теперь Тогда Він Вона Вони Ми Але Потім Це
    To On Ona Oni Potem Ale I Ja My Pak Potom Hän Se Sitten Mutta Ő Ez Az De Aztán
    Bu O Ben Biz Sonra Ama Ve El Ea Apoi Dar Și Αυτός Αυτή Το Ο Η Μετά Αλλά Και
"""))  # fmt: skip
"""Words with a capital that begin sentences and are no names: behind an initial they show that one ended."""

INTERJECTIONS = frozenset(
    words("hm hmm hmmm mhm mm mmm sh shh shhh psst pst pff pfft brr brrr grr grrr tsk zzz")
)
"""Words without a vowel that are no abbreviations."""

CONJUNCTIONS = frozenset(words("""
    and but or so because that which who when while where if as than then since until although though
    und aber oder weil dass denn wenn als wo die der das et mais ou parce que qui quand si donc
    y pero o porque que cuando donde si e mas ou quando porque ma che perché en maar of omdat dat
    og men eller fordi at och att som i ale lub że bo który a nebo že protože и но или что потому когда
    і але або що тому ve ama veya çünkü și dar sau că dan tapi atau karena yang và nhưng hoặc vì ja mutta tai
    että és de vagy hogy mert και αλλά ή ότι γιατί और लेकिन या कि क्योंकि
"""))  # fmt: skip
"""A long opening is divided before one of these rather than in the middle of a phrase."""

PARTICLES = frozenset("はがをにでとものへや的了着过呢吧")
"""Where a script without blanks must be divided, behind one of these sounds best."""
