"""Possible combinations of concepts in the embedded suite: the objects and places of a verb, and
the adjectives of a noun.

Only pairs that a speaker would find sensible are listed: apples are eaten and tea is drunk. How
*often* each pair occurs is drawn at random per world (`world.py`); these tables list only what can
occur. Concepts are those of `lexicon/concepts.tsv`.
"""

_FURNITURE = "chair table lamp door window"
_GOODS = (
    "book newspaper car bicycle boat house chair table ball hat picture bag phone lamp knife "
    "cup shirt game photo"
)
_FOOD = "apple orange_fruit egg fish bread soup rice cheese"
_DRINK = "tea coffee milk water juice"
READING = "book letter newspaper message"
_ANIMALS = "dog cat horse bird cow goat wolf mouse duck rabbit"
_CARRIED = (
    "book letter newspaper chair table ball hat picture bag lamp knife cup key apple egg "
    "bread water milk"
)

OBJECTS: dict[str, tuple[str, ...]] = {
    verb: tuple(objects.split())
    for verb, objects in {
        "eat": _FOOD,
        "drink": _DRINK,
        "buy": f"{_GOODS} key apple orange_fruit egg fish bread cheese tea coffee milk dog "
        "horse cow goat pill bandage thermometer medicine",
        "sell": f"{_GOODS} apple orange_fruit egg fish bread cheese tea horse cow goat duck "
        "rabbit pill medicine",
        "read": f"{READING} form",
        "write": "book letter message song",
        "find": "book letter ball hat bag phone key knife cup egg dog cat bird mouse rabbit "
        "duck goat pill bandage thermometer form photo",
        "carry": f"{_CARRIED} bandage thermometer form blood",
        "paint": "picture house boat apple fish dog cat horse bird wolf",
        "repair": f"car bicycle boat house phone {_FURNITURE}",
        "cook_verb": "egg fish soup rice",
        "wash": "car bicycle cup knife shirt window apple dog horse",
        "open": "window door bag letter book message",
        "close": "window door bag book",
        "sew": "shirt hat bag",
        "swallow": "pill medicine",
        "measure": "table window door shirt",
        "fill_in": "form",
        "send": "letter message photo picture song",
        "post": "photo message song picture",
        "like": "photo message song game picture",
    }.items()
}
ANIMAL_OBJECTS: dict[str, tuple[str, ...]] = {
    "eat": ("apple", "egg", "fish", "bread", "rice", "cheese"),
    "drink": ("milk", "water"),
    "find": ("ball", "hat", "bag", "egg", "bird", "mouse"),
}
ANIMAL_VERBS = frozenset(
    [
        "sleep",
        "run",
        "swim",
        "cry",
        "wait",
        "eat",
        "drink",
        "find",
        "see",
        "know",
        "love",
        "cough",
        "recover",
        "relax",
    ]
)
STATIVE_VERBS = frozenset(("know", "love"))
"""Verbs of lasting states, which have no place and no time."""
MEDICAL_VERBS = frozenset(("examine", "treat"))
MEDICAL_OCCUPATIONS = frozenset(["doctor", "nurse", "surgeon", "pharmacist"])

_EVERYWHERE = (
    "market school hospital kitchen garden forest street library office station shop ward "
    "pharmacy cafe gym"
)
_INDOORS = "school hospital kitchen library office shop ward cafe gym"
PLACES: dict[str, tuple[str, ...]] = {
    verb: tuple(places.split())
    for verb, places in {
        "swim": "river school gym garden",
        "cook_verb": "kitchen garden school hospital market cafe street forest",
        "buy": "market shop station street pharmacy library cafe",
        "sell": "market shop station street pharmacy garden cafe",
        "wash": "river kitchen garden street hospital station ward gym",
        "find": f"{_EVERYWHERE} river",
        "drink": f"{_EVERYWHERE} river",
        "sing": f"{_EVERYWHERE} river",
        "wait": f"{_EVERYWHERE} river",
        "work": f"{_EVERYWHERE} river",
        "paint": "garden forest street school office river library cafe",
        "repair": "street garden shop station office school market kitchen",
        "sew": "kitchen school shop market hospital garden ward",
        "examine": "hospital office school ward pharmacy street",
        "treat": "hospital office school ward pharmacy street",
        "swallow": "hospital kitchen office school ward pharmacy",
        "measure": "kitchen office shop school market ward",
        "fill_in": "hospital office school station ward pharmacy",
        "open": _INDOORS,
        "close": _INDOORS,
    }.items()
}
ANYWHERE = tuple(_EVERYWHERE.split())
ANIMAL_PLACES = frozenset(["garden", "forest", "street", "river", "market", "kitchen", "station"])

_COLOURED = "car bicycle boat house chair table ball hat bag phone lamp cup door shirt book"
_SIZED = (
    f"{_COLOURED} letter picture knife key window apple orange_fruit egg fish {_ANIMALS} "
    "bandage pill photo"
)
_DATED = (
    f"{_COLOURED} letter newspaper picture knife key window form bandage thermometer message "
    "photo song game"
)
_HEAVY = "bag table chair book bicycle boat picture lamp door phone"
_PRICED = f"{_GOODS} {_FOOD} {_DRINK} pill medicine bandage thermometer"
TOLD = "book letter newspaper picture message photo song game"
_NOUNS_OF_ADJECTIVE: dict[str, tuple[str, ...]] = {
    adjective: tuple(nouns.split())
    for adjective, nouns in {
        "big": _SIZED,
        "small": _SIZED,
        "old": _DATED,
        "new": _DATED,
        "red": f"{_COLOURED} apple pill",
        "green": f"{_COLOURED} apple",
        "blue": f"{_COLOURED} pill",
        "yellow": f"{_COLOURED} apple pill",
        "black": f"{_COLOURED} {_ANIMALS}",
        "white": f"{_COLOURED} egg pill {_ANIMALS}",
        "cheap": _PRICED,
        "expensive": _PRICED,
        "beautiful": f"car boat house hat picture bag lamp cup shirt letter book {_ANIMALS} "
        "photo song",
        "hot": "soup rice tea coffee milk water bread",
        "cold": "soup rice tea coffee milk water juice",
        "heavy": _HEAVY,
        "light": _HEAVY,
        "clean": "cup knife shirt bandage thermometer water table window",
        "bitter": "tea coffee juice medicine pill",
        "funny": TOLD,
        "boring": TOLD,
    }.items()
}
ADJECTIVES: dict[str, tuple[str, ...]] = {
    noun: tuple(adjective for adjective, nouns in _NOUNS_OF_ADJECTIVE.items() if noun in nouns)
    for noun in sorted({noun for nouns in _NOUNS_OF_ADJECTIVE.values() for noun in nouns})
}

USUAL: dict[tuple[str, str], str] = {
    ("verb", "painter"): "paint",
    ("verb", "cook"): "cook_verb",
    ("verb", "singer"): "sing",
    ("verb", "writer"): "write",
    ("verb", "tailor"): "sew",
    ("verb", "student"): "read",
    ("verb", "nurse"): "help",
    ("verb", "surgeon"): "treat",
    ("verb", "doctor"): "help",
    ("place", "read"): "library",
    ("place", "cook_verb"): "kitchen",
    ("place", "sell"): "market",
    ("place", "buy"): "shop",
    ("place", "swim"): "river",
    ("place", "wait"): "station",
    ("place", "examine"): "hospital",
    ("place", "treat"): "hospital",
    ("place", "fill_in"): "office",
    ("time", "sleep"): "at_night",
}
"""The usual item in any world of lasting habits: (kind of preference, concept) -> item. Flat task
worlds ignore it."""

EXCLUSIVE_TIMES: tuple[tuple[str, ...], ...] = (
    ("in_the_morning", "in_the_afternoon", "in_the_evening", "at_night"),
    ("on_Monday", "on_Friday", "on_Sunday"),
    ("before_lunch", "after_lunch"),
)
"""Groups of mutually exclusive times, from which contradictions about time are made."""

TIMES_WITHOUT_NEVER = frozenset(("today", "every_day", "now", "later"))
"""Times that cannot be combined with "never"."""

HELD_OUT_LEMMAS = frozenset(
    (
        "gardener",
        "duck",
        "lamp",
        "door",
        "juice",
        "repair",
        "dance",
        "visit",
        "see",
        "yellow",
        "heavy",
        "form",
        "song",
    )
)
"""About a tenth of the nouns, verbs and adjectives. They occur in the pretraining corpus and in dev
and test, but never in a training split of a tagging task, so that tagging English is not only a
look-up of known words."""
