"""The embedded suite's grammar: hand-written sentences in nine languages, and properties of random
meanings."""

import random

import pytest

from xstilts_core.mini.grammar import LANGUAGES, detokenise, phrase, realise
from xstilts_core.mini.lexicon import concepts, entry, forms, inventory
from xstilts_core.mini.meaning import Entity, Event, Fact, Joined, Token

UPOS = {
    "ADJ",
    "ADP",
    "ADV",
    "AUX",
    "CCONJ",
    "DET",
    "INTJ",
    "NOUN",
    "NUM",
    "PART",
    "PRON",
    "PROPN",
    "PUNCT",
    "VERB",
}
ANNA, PETER = Entity("Anna"), Entity("Peter")
EATS = Event(ANNA, "eat", Entity("apple"), "garden", "today")
NEVER = Event(ANNA, "eat", Entity("apple"), "garden", negated=True)
BAGS = Event(Entity("doctor", number=3), "buy", Entity("bag", number=2, adjective="red"), "market")
FRONT = Event(
    Entity("dog", adjective="old"),
    "find",
    Entity("key", adjective="small"),
    "street",
    "now",
    front="place",
)
SEES = Event(PETER, "see", Entity("Maria", surname="Weber"), time="on_Monday")
EVERY = Event(Entity("student", quantifier="every"), "drink", Entity("water", adjective="cold"))
HOME, JOB, AGE, BANK = (
    Fact(ANNA, *pair)
    for pair in (
        ("city", "New_York"),
        ("occupation", "teacher"),
        ("age", 34),
        ("employer", "Novex_Bank"),
    )
)
BUT = Joined(Event(ANNA, "sing"), Event(PETER, "dance", negated=True), "but")

STATEMENTS = {
    "en": [
        (NEVER, "Anna never eats an apple in the garden."),
        (BAGS, "Three doctors buy two red bags in the market."),
        (FRONT, "In the street, an old dog finds a small key now."),
        (SEES, "Peter sees Maria Weber on Monday."),
        (EVERY, "Every student drinks cold water."),
        (HOME, "Anna lives in New York."),
        (AGE, "Anna is 34 years old."),
        (BUT, "Anna sings, but Peter never dances."),
    ],
    "de": [
        (NEVER, "Anna isst nie einen Apfel im Garten."),
        (BAGS, "Drei Ärzte kaufen zwei rote Taschen auf dem Markt."),
        (FRONT, "Auf der Straße findet ein alter Hund jetzt einen kleinen Schlüssel."),
        (SEES, "Peter sieht am Montag Maria Weber."),
        (EVERY, "Jeder Student trinkt kaltes Wasser."),
        (JOB, "Anna ist Lehrerin."),
        (
            Event(ANNA, "fill_in", Entity("form"), "office", negated=True),
            "Anna füllt nie ein Formular im Büro aus.",
        ),
        (Event(Entity("cat"), "eat", Entity("fish")), "Eine Katze frisst einen Fisch."),
    ],
    "es": [
        (NEVER, "Anna nunca come una manzana en el jardín."),
        (BAGS, "Tres médicos compran dos bolsas rojas en el mercado."),
        (FRONT, "En la calle, un perro viejo encuentra una llave pequeña ahora."),
        (SEES, "Peter ve a Maria Weber el lunes."),
        (JOB, "Anna es profesora."),
        (HOME, "Anna vive en Nueva York."),
        (Joined(Event(ANNA, "sing"), Event(Entity("Ivan"), "laugh")), "Anna canta e Ivan se ríe."),
    ],
    "bg": [
        (NEVER, "Анна никога не яде ябълка в градината."),
        (BAGS, "Трима лекари купуват две червени чанти на пазара."),
        (FRONT, "На улицата старо куче намира малък ключ сега."),
        (Event(PETER, "repair", Entity("chair", number=2)), "Петър поправя два стола."),
        (Event(PETER, "help", Entity("Anna", surname="Petrov")), "Петър помага на Анна Петрова."),
        (Fact(ANNA, "city", "Vienna"), "Анна живее във Виена."),
        (JOB, "Анна е учителка."),
    ],
    "tr": [
        (NEVER, "Anna bahçede hiçbir zaman bir elma yemiyor."),
        (BAGS, "Üç doktor pazar yerinde iki kırmızı çanta satın alıyor."),
        (FRONT, "Sokakta yaşlı bir köpek şimdi küçük bir anahtar buluyor."),
        (SEES, "Peter pazartesi günü Maria Weber'i görüyor."),
        (HOME, "Anna New York'ta yaşıyor."),
        (Event(Entity("dog", number=2), "sleep"), "İki köpek uyuyor."),
        (Event(ANNA, "help", PETER, negated=True), "Anna hiçbir zaman Peter'e yardım etmiyor."),
        (Event(ANNA, "love", Entity("dog", quantifier="every")), "Anna her köpeği seviyor."),
    ],
    "hi": [
        (NEVER, "अन्ना बग़ीचे में एक सेब कभी नहीं खाती है।"),
        (BAGS, "तीन डॉक्टर बाज़ार में दो लाल थैले ख़रीदते हैं।"),
        (FRONT, "सड़क पर एक बूढ़ा कुत्ता अब एक छोटी चाबी पाता है।"),
        (SEES, "पीटर सोमवार को मारिया वेबर को देखता है।"),
        (AGE, "अन्ना 34 साल की है।"),
        (HOME, "अन्ना न्यू यॉर्क में रहती है।"),
        (
            Event(PETER, "treat", Entity("dog", number=2, adjective="big")),
            "पीटर दो बड़े कुत्तों का इलाज करता है।",
        ),
    ],
    "zh": [
        (NEVER, "安娜从不在花园里吃一个苹果。"),
        (BAGS, "三个医生在市场买两个红色的包。"),
        (FRONT, "在街上，一只老狗现在发现一把小钥匙。"),
        (SEES, "彼得星期一看见玛丽亚·韦伯。"),
        (EVERY, "每个学生都喝冷水。"),
        (HOME, "安娜住在纽约。"),
        (AGE, "安娜今年34岁。"),
        (BUT, "安娜唱歌，但是彼得从不跳舞。"),
    ],
    "id": [
        (NEVER, "Anna tidak pernah makan sebuah apel di kebun."),
        (BAGS, "Tiga orang dokter membeli dua buah tas merah di pasar."),
        (FRONT, "Di jalan, seekor anjing tua menemukan sebuah kunci kecil sekarang."),
        (SEES, "Peter melihat Maria Weber pada hari Senin."),
        (EVERY, "Setiap mahasiswa minum air dingin."),
        (AGE, "Anna berumur 34 tahun."),
    ],
    "sw": [
        (NEVER, "Anna hali kamwe tofaa bustanini."),
        (BAGS, "Madaktari watatu wananunua mifuko myekundu miwili kwenye soko."),
        (FRONT, "Barabarani mbwa mzee anapata ufunguo mdogo sasa."),
        (SEES, "Peter anamwona Maria Weber Jumatatu."),
        (EVERY, "Kila mwanafunzi anakunywa maji ya baridi."),
        (HOME, "Anna anaishi New York."),
        (
            Event(ANNA, "help", Entity("teacher", number=2), negated=True),
            "Anna hawasaidii kamwe walimu wawili.",
        ),
    ],
}
QUESTIONS = {
    "en": [
        (NEVER, "subject", "Who never eats an apple in the garden?"),
        (EATS, "object", "What does Anna eat in the garden today?"),
        (HOME, "value", "Where does Anna live?"),
        (JOB, "value", "What is Anna's job?"),
        (FRONT, "subject", "Which animal finds a small key in the street now?"),
    ],
    "de": [
        (EATS, "object", "Was isst Anna heute im Garten?"),
        (SEES, "object", "Wen sieht Peter am Montag?"),
        (AGE, "value", "Wie alt ist Anna?"),
    ],
    "es": [
        (SEES, "object", "¿A quién ve Peter el lunes?"),
        (EATS, "time", "¿Cuándo come Anna una manzana en el jardín?"),
    ],
    "bg": [
        (EATS, "place", "Къде яде Анна ябълка днес?"),
        (JOB, "value", "Каква е професията на Анна?"),
    ],
    "tr": [
        (SEES, "object", "Peter pazartesi günü kimi görüyor?"),
        (JOB, "value", "Anna'nın mesleği ne?"),
    ],
    "hi": [
        (SEES, "object", "पीटर सोमवार को किसको देखता है?"),
        (EATS, "place", "अन्ना आज कहाँ एक सेब खाती है?"),
    ],
    "zh": [
        (EATS, "object", "安娜今天在花园里吃什么？"),
        (BANK, "person", "谁在诺维克斯银行工作？"),
    ],
    "id": [
        (EATS, "subject", "Siapa yang makan sebuah apel di kebun hari ini?"),
        (AGE, "value", "Berapa umur Anna?"),
    ],
    "sw": [
        (EATS, "place", "Anna anakula tofaa wapi leo?"),
        (JOB, "value", "Kazi ya Anna ni nini?"),
    ],
}


def text(tokens, language):
    """The text alone."""
    return detokenise(tokens, language)[0]


@pytest.mark.parametrize(
    ("language", "meaning", "expected"),
    [(lang, *row) for lang, rows in STATEMENTS.items() for row in rows],
)
def test_statements_read_as_written_by_hand(language, meaning, expected):
    assert text(realise(meaning, language), language) == expected


@pytest.mark.parametrize(
    ("language", "meaning", "ask", "expected"),
    [(lang, *row) for lang, rows in QUESTIONS.items() for row in rows],
)
def test_questions_read_as_written_by_hand(language, meaning, ask, expected):
    assert text(realise(meaning, language, ask=ask), language) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_entities_of_two_words_are_tagged_b_then_i(language):
    tags = [token.ner for token in realise(BANK, language) if token.ner.endswith("ORG")]
    assert tags == ["B-ORG", "I-ORG"]
    city = [token.ner for token in realise(HOME, language) if token.ner.endswith("LOC")]
    assert city == (["B-LOC"] if language == "zh" else ["B-LOC", "I-LOC"])
    assert [token.ner for token in realise(SEES, language) if token.ner != "O"] == [
        "B-PER",
        "B-PER",
        "I-PER",
    ]


def test_parts_of_speech_and_roles():
    tokens = realise(NEVER, "hi")
    assert [token.pos for token in tokens] == [
        "PROPN",
        "NOUN",
        "ADP",
        "NUM",
        "NOUN",
        "ADV",
        "PART",
        "VERB",
        "AUX",
        "PUNCT",
    ]
    assert "".join(token.role for token in tokens) == "SPPOONNVV-"


def test_spans_locate_tokens_in_chinese_and_english():
    tokens = realise(SEES, "zh")
    written, spans = detokenise(tokens, "zh")
    assert written == "彼得星期一看见玛丽亚·韦伯。" and spans[-3:] == ((7, 10), (11, 13), (13, 14))
    written, spans = detokenise(realise(JOB, "en", ask="value"), "en")
    assert written == "What is Anna's job?" and spans[2:4] == ((8, 12), (12, 14))


def test_chat_register():
    assert (
        text(realise(EATS, "en", domain="chat"), "en")
        == "haha, Anna eats an apple in the garden today"
    )
    assert (
        text(realise(EATS, "es", ask="object", domain="chat"), "es")
        == "jaja, qué come Anna en el jardín hoy?"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_concept_has_forms_and_most_a_word_of_their_own(language):
    assert set(forms(language)) == set(inventory())
    words = [entry(language, concept)["word"] for concept in inventory()]
    assert len(set(words)) >= len(words) - 2


def random_entity(rng, kinds):
    """An entity of one of the classes, with whatever that class allows."""
    kind = rng.choice(kinds)
    concept = rng.choice(concepts(kind))
    if kind.startswith("name"):
        return Entity(concept, rng.choice((None, rng.choice(concepts("surname")))))
    adjective = (
        rng.choice((None, rng.choice(concepts("adjective"))))
        if kind in ("animal", "thing", "mass")
        else None
    )
    if kind in ("mass", "indefinite"):
        return Entity(concept, adjective=adjective)
    return Entity(
        concept, None, rng.choice(("a", "every")), rng.choice((None, None, 2, 4, 7)), adjective
    )


def random_event(rng):
    """An event with a random choice of everything."""
    living = ("name_f", "name_m", "occupation", "animal", "indefinite")
    kind = rng.choice(("verb_transitive", "verb_person", "verb_intransitive"))
    thing = (
        None
        if kind == "verb_intransitive"
        else random_entity(rng, living if kind == "verb_person" else ("thing", "mass"))
    )
    place, time = (rng.choice((None, rng.choice(concepts(group)))) for group in ("place", "time"))
    front = rng.choice((None, "place" if place else None, "time" if time else None))
    return Event(
        random_entity(rng, living),
        rng.choice(concepts(kind)),
        thing,
        place,
        time,
        rng.random() < 0.4,
        front,
    )


def random_fact(rng):
    """A fact about a named person."""
    attribute, group = rng.choice(
        (("occupation", "occupation"), ("city", "city"), ("employer", "organisation"), ("age", ""))
    )
    return Fact(
        random_entity(rng, ("name_f", "name_m")),
        attribute,
        rng.choice(concepts(group)) if group else rng.randint(18, 80),
    )


def check_tokens(tokens, language):
    """Parts of speech are UD's, texts are clean, spans give the tokens back."""
    assert all(
        isinstance(token, Token) and token.pos in UPOS and token.text and " " not in token.text
        for token in tokens
    )
    assert not any(mark in token.text for token in tokens for mark in ("/", "|", "_")) and all(
        token.text != "-" for token in tokens
    )
    written, spans = detokenise(tokens, language)
    assert [written[start:end] for start, end in spans] == [token.text for token in tokens]
    assert "  " not in written and written == written.strip()
    previous = "O"
    for token in tokens:
        assert not token.ner.startswith("I-") or previous[2:] == token.ner[2:]
        previous = token.ner


@pytest.mark.parametrize("language", LANGUAGES)
def test_random_meanings(language):
    rng = random.Random(20)
    for _ in range(400):
        event, fact = random_event(rng), random_fact(rng)
        tokens = realise(event, language, domain=rng.choice(("general", "chat")))
        check_tokens(tokens, language)
        roles = [token.role for token in tokens]
        for name, letter in (("subject", "S"), ("object", "O"), ("place", "P"), ("time", "T")):
            places = [index for index, role in enumerate(roles) if role == letter]
            present = getattr(event, name) is not None
            assert bool(places) == present and places == list(
                range(places[0], places[-1] + 1) if places else []
            )
            if present:
                chunk = [tokens[index].text for index in places]
                alone = [token.text for token in phrase(event, language, name)]
                assert (
                    chunk[1:] == alone[1:] and chunk[0][1:] == alone[0][1:]
                )  # only a capital may differ
                check_tokens(realise(event, language, ask=name), language)
        assert ("N" in roles) == event.negated
        check_tokens(realise(fact, language), language)
        for ask in ("person", "value"):
            check_tokens(realise(fact, language, ask=ask), language)
        assert text(phrase(fact, language, "value"), language) in text(
            realise(fact, language), language
        )
        check_tokens(realise(Joined(event, fact, rng.choice(("and", "but"))), language), language)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: realise(EATS, "eng"), "did you mean 'en'"),
        (lambda: realise(EATS, "en", ask="objekt"), "did you mean 'object'"),
        (lambda: realise(NEVER, "en", ask="time"), "has subject, object, place"),
        (lambda: realise(BUT, "en", ask="subject"), "first or second clause"),
        (lambda: realise(EATS, "en", domain="chatt"), "did you mean 'chat'"),
        (lambda: realise(Event(ANNA, "eet"), "en"), "did you mean"),
        (lambda: realise(Event(Entity("apple", number=9), "sleep"), "en"), "counts from 2 to 7"),
        (lambda: realise(Event(Entity("milk", number=2), "sleep"), "tr"), "not counted"),
        (lambda: realise(Event(ANNA, "apple"), "de"), "unknown class 'thing'"),
        (lambda: realise(Event(ANNA, "sleep", place="today"), "zh"), "unknown class 'time'"),
        (lambda: realise(Fact(ANNA, "city", "Novex"), "bg"), "unknown class 'organisation'"),
        (lambda: realise(Event(Entity("red"), "sleep"), "en"), "unknown class 'adjective'"),
        (lambda: concepts("verbs"), "unknown class 'verbs'"),
        (lambda: concepts("animal", domain="clinik"), "did you mean 'clinic'"),
        (lambda: entry("en", "appel"), "did you mean 'apple'"),
    ],
)
def test_errors_name_the_value_and_the_choices(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_concepts_by_domain_and_split():
    assert concepts("surname", seen="held") == ("Fischer", "Romero", "Ivanov", "Bauer")
    assert "Fischer" not in concepts("surname", seen="open")
    assert "pill" not in concepts("thing", domain="general") and "pill" in concepts("thing")
