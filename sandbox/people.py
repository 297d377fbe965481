"""Who lives in the synthetic population, and what their records have to tell. Every name is plainly made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.staff import LAKESIDE, RIVERSIDE


@dataclass(frozen=True, slots=True)
class Persona:
    """One made-up person. ``problems`` are names of catalogue.CONDITIONS with the year they began."""

    given: tuple[str, ...]
    family: str
    gender: str
    birth: str
    race: str
    hospitals: tuple[str, ...]
    problems: tuple[tuple[str, int], ...] = ()
    medicines: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()
    years: int = 5
    hispanic: bool = False
    language: tuple[str, str] = ("en-US", "English (United States)")
    maiden: str | None = None
    systolic: int = 122
    smoking: int = 0
    admission: int | None = None
    """The year of a stay in hospital, with a long discharge summary."""
    cycles: int = 0
    """Cycles of chemotherapy in the last two years."""
    pregnancy: int | None = None
    """The year of a pregnancy."""
    odd: bool = False
    """Her record holds the honest oddities of oddities.py."""

    @property
    def key(self) -> str:
        return f"{self.given[0]} {self.family}"

    @property
    def birth_year(self) -> int:
        return int(self.birth[:4])


BOTH: Final = (RIVERSIDE, LAKESIDE)
PEOPLE: Final = (
    Persona(
        ("Maya", "Rose"),
        "Testwell",
        "female",
        "1968-04-12",
        "black",
        BOTH,
        problems=(("hypertension", 2011), ("diabetes", 2016), ("hyperlipidemia", 2014), ("obesity", 2012)),
        medicines=("lisinopril", "metformin", "atorvastatin"),
        allergies=("penicillin", "pollen"),
        years=6,
        maiden="Fictive",
        systolic=141,
        smoking=1,
        odd=True,
    ),
    Persona(
        ("Omar",),
        "Sampleton",
        "male",
        "1955-11-02",
        "white",
        BOTH,
        problems=(("fibrillation", 2019), ("copd", 2013), ("kidney", 2021), ("hypertension", 2004)),
        medicines=("apixaban", "metoprolol", "albuterol", "furosemide"),
        years=6,
        systolic=138,
        smoking=1,
        admission=2025,
    ),
    Persona(
        ("Lucía", "Inés"),
        "Ejemplo-Prueba",
        "female",
        "1991-07-23",
        "other",
        BOTH,
        problems=(("asthma", 2002), ("anxiety", 2022)),
        medicines=("albuterol", "fluticasone", "sertraline"),
        allergies=("peanut", "dander"),
        hispanic=True,
        language=("es", "Spanish"),
        pregnancy=2025,
    ),
    Persona(
        ("Theo",),
        "Mockridge",
        "male",
        "2017-06-30",
        "white",
        BOTH,
        problems=(("asthma", 2021),),
        medicines=("albuterol",),
        allergies=("egg", "milk"),
        years=9,
        systolic=98,
    ),
    Persona(
        ("Ingrid",),
        "Placeholder",
        "female",
        "1942-02",
        "white",
        (RIVERSIDE,),
        problems=(("osteoporosis", 2009), ("hip", 2024), ("arthritis", 2006), ("hypertension", 1998)),
        medicines=("alendronate", "acetaminophen", "amlodipine"),
        allergies=("sulfa",),
        systolic=146,
        admission=2024,
    ),
    Persona(
        ("Kenji",),
        "Fabricado",
        "male",
        "1979-09-14",
        "asian",
        (LAKESIDE,),
        problems=(("depression", 2018), ("alcohol", 2020), ("reflux", 2017)),
        medicines=("sertraline", "naltrexone", "omeprazole"),
        language=("ja", "Japanese"),
        smoking=2,
    ),
    Persona(
        ("Amara",),
        "Fictiva",
        "other",
        "1999-01-08",
        "black",
        (LAKESIDE,),
        problems=(("hiv", 2021), ("migraine", 2019)),
        medicines=("antiretroviral", "naproxen"),
        years=4,
    ),
    Persona(
        ("Noor",),
        "Specimen",
        "female",
        "1985-12-19",
        "asian",
        (RIVERSIDE,),
        problems=(("thyroid", 2015), ("anemia", 2023)),
        medicines=("levothyroxine",),
        language=("ar", "Arabic"),
    ),
    Persona(
        ("Dolores",),
        "Dummywell",
        "female",
        "1961-03-27",
        "native",
        (RIVERSIDE,),
        problems=(("breast", 2024), ("hyperlipidemia", 2010), ("pain", 2022)),
        medicines=("tamoxifen", "simvastatin", "oxycodone"),
        allergies=("latex", "aspirin"),
        years=8,
        cycles=12,
        systolic=128,
        admission=2024,
    ),
    Persona(
        ("Pavel",),
        "Whitespace",
        "male",
        "1973-10-05",
        "white",
        (LAKESIDE,),
        problems=(("back", 2012), ("apnea", 2020), ("prediabetes", 2024)),
        medicines=("ibuprofen200",),
        systolic=131,
    ),
)
