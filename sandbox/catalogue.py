"""The clinical words of the synthetic population: codes, their display texts, units and plausible values.

LOINC, SNOMED CT, RxNorm, CVX and ICD-10-CM codes as hospitals send them. Values are ranges to draw from, never advice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM: Final = "http://unitsofmeasure.org"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
US_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition"


@dataclass(frozen=True, slots=True)
class Code:
    """One code with the text a hospital shows for it."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a code in LOINC."""

    code: str
    display: str

    @property
    def loinc(self) -> Code:
        return Code(LOINC, self.code, self.display)


@dataclass(frozen=True, slots=True)
class Measure(Named):
    """Something measured: values are drawn between ``low`` and ``high`` and written with ``places`` decimals."""

    unit: str
    low: float
    high: float
    places: int = 1


@dataclass(frozen=True, slots=True)
class Answer(Named):
    """Something observed in words: one of ``answers``."""

    answers: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Panel(Named):
    """A laboratory panel: its own code and what it holds."""

    measures: tuple[Measure, ...]
    answers: tuple[Answer, ...] = ()


def snomed(code: str, display: str) -> Code:
    return Code(SNOMED, code, display)


def loinc(code: str, display: str) -> Code:
    return Code(LOINC, code, display)


# --- vital signs --------------------------------------------------------------------------------------------------
HEIGHT: Final = Measure("8302-2", "Body Height", "cm", 150, 190)
WEIGHT: Final = Measure("29463-7", "Body Weight", "kg", 52, 110)
BMI: Final = Measure("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 19, 36, 2)
HEART_RATE: Final = Measure("8867-4", "Heart rate", "/min", 58, 98, 0)
RESPIRATION: Final = Measure("9279-1", "Respiratory rate", "/min", 12, 18, 0)
OXYGEN: Final = Measure("2708-6", "Oxygen saturation in Arterial blood", "%", 94, 100, 0)
OXYGEN_OXIMETRY: Final = loinc("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry")
TEMPERATURE: Final = Measure("8310-5", "Body temperature", "Cel", 36.3, 37.4)
ORAL_TEMPERATURE: Final = Measure("8331-1", "Oral temperature", "Cel", 36.3, 37.4)
PAIN: Final = Measure("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 6, 0)
BMI_PERCENTILE: Final = Measure("59576-9", "Body mass index (BMI) [Percentile] Per age and sex", "%", 5, 95)
WEIGHT_FOR_LENGTH: Final = Measure("77606-2", "Weight-for-length Per age and sex", "%", 5, 95)
HEAD_PERCENTILE: Final = Measure("8289-1", "Head Occipital-frontal circumference Percentile", "%", 5, 95)
HEAD: Final = Measure("9843-4", "Head Occipital-frontal circumference", "cm", 36, 52)
PRESSURE_PANEL: Final = loinc("85354-9", "Blood pressure panel with all children optional")
DIASTOLIC: Final = Measure("8462-4", "Diastolic Blood Pressure", "mm[Hg]", 62, 96, 0)
SYSTOLIC: Final = Measure("8480-6", "Systolic Blood Pressure", "mm[Hg]", 104, 158, 0)

VITAL_PROFILES: Final = {
    "8302-2": "us-core-body-height",
    "29463-7": "us-core-body-weight",
    "39156-5": "us-core-bmi",
    "8867-4": "us-core-heart-rate",
    "9279-1": "us-core-respiratory-rate",
    "2708-6": "us-core-pulse-oximetry",
    "8310-5": "us-core-body-temperature",
    "8331-1": "us-core-body-temperature",
    "59576-9": "pediatric-bmi-for-age",
    "77606-2": "pediatric-weight-for-height",
    "8289-1": "head-occipital-frontal-circumference-percentile",
    "9843-4": "us-core-head-circumference",
}
VITALS: Final = (
    HEIGHT,
    WEIGHT,
    BMI,
    HEART_RATE,
    RESPIRATION,
    OXYGEN,
    TEMPERATURE,
    ORAL_TEMPERATURE,
    PAIN,
    BMI_PERCENTILE,
    WEIGHT_FOR_LENGTH,
    HEAD_PERCENTILE,
    HEAD,
)

# --- laboratory ---------------------------------------------------------------------------------------------------
_PRESENCE: Final = (snomed("167273002", "Urine dipstick test negative"), snomed("260385009", "Negative"))
CBC: Final = Panel(
    "58410-2",
    "CBC panel - Blood by Automated count",
    (
        Measure("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 3.5, 10.5, 4),
        Measure("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 3.9, 5.4, 4),
        Measure("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12, 17.5, 3),
        Measure("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 36, 49, 3),
        Measure("787-2", "MCV [Entitic volume] by Automated count", "fL", 80.1, 95.1, 3),
        Measure("785-6", "MCH [Entitic mass] by Automated count", "pg", 27, 33, 3),
        Measure("786-4", "MCHC [Mass/volume] by Automated count", "g/dL", 33, 36, 3),
        Measure("21000-5", "Erythrocyte distribution width [Entitic volume] by Automated count", "fL", 39, 46, 3),
        Measure("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 150, 450, 2),
        Measure(
            "32207-3", "Platelet distribution width [Entitic volume] in Blood by Automated count", "fL", 150, 500, 2
        ),
        Measure("32623-1", "Platelet mean volume [Entitic volume] in Blood by Automated count", "fL", 9.4, 12.3, 3),
    ),
)
METABOLIC: Final = Panel(
    "51990-0",
    "Basic metabolic panel - Blood",
    (
        Measure("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 65, 118, 2),
        Measure("6299-2", "Urea nitrogen [Mass/volume] in Blood", "mg/dL", 7, 20, 2),
        Measure("38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 0.6, 1.4, 2),
        Measure("49765-1", "Calcium [Mass/volume] in Blood", "mg/dL", 8.5, 10.2, 2),
        Measure("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 136, 144, 2),
        Measure("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 3.7, 5.2, 2),
        Measure("2069-3", "Chloride [Moles/volume] in Blood", "mmol/L", 101, 111, 2),
        Measure("20565-8", "Carbon dioxide, total [Moles/volume] in Blood", "mmol/L", 20, 29, 2),
    ),
)
COMPREHENSIVE: Final = Panel(
    "24323-8",
    "Comprehensive metabolic 2000 panel - Serum or Plasma",
    (
        *METABOLIC.measures,
        Measure(
            "33914-3",
            "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum or Plasma by "
            "Creatinine-based formula (MDRD)",
            "mL/min",
            48,
            110,
            2,
        ),
        Measure("2885-2", "Protein [Mass/volume] in Serum or Plasma", "g/dL", 6, 8.3, 2),
        Measure("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 3.5, 5.5, 2),
        Measure("10834-0", "Globulin [Mass/volume] in Serum by calculation", "g/L", 2, 3.5, 2),
        Measure("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", 0.1, 1.2, 2),
        Measure("6768-6", "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 20, 140, 2),
        Measure("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 8, 55, 2),
        Measure("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", 8, 48, 2),
    ),
)
LIPIDS: Final = Panel(
    "57698-3",
    "Lipid panel with direct LDL - Serum or Plasma",
    (
        Measure("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 150, 240, 2),
        Measure("2571-8", "Triglycerides", "mg/dL", 80, 210, 2),
        Measure("18262-6", "Low Density Lipoprotein Cholesterol", "mg/dL", 60, 150, 2),
        Measure("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 35, 80, 2),
    ),
)
URINALYSIS: Final = Panel(
    "24357-6",
    "Urinalysis macro (dipstick) panel - Urine",
    (
        Measure("5811-5", "Specific gravity of Urine by Test strip", "{nominal}", 1.005, 1.04, 3),
        Measure("5803-2", "pH of Urine by Test strip", "pH", 5.0, 7.5, 2),
        Measure("5792-7", "Glucose [Mass/volume] in Urine by Test strip", "mg/dL", 0.5, 2.0, 2),
        Measure("20505-4", "Bilirubin.total [Mass/volume] in Urine by Test strip", "mg/dL", 0.1, 1.0, 2),
        Measure("5797-6", "Ketones [Mass/volume] in Urine by Test strip", "mg/dL", 1, 18, 2),
        Measure("5804-0", "Protein [Mass/volume] in Urine by Test strip", "mg/dL", 10, 260, 2),
    ),
    (
        Answer(
            "5767-9",
            "Appearance of Urine",
            (snomed("167236000", "Urine looks clear (finding)"), snomed("7766007", "Cloudy urine (finding)")),
        ),
        Answer(
            "5778-6",
            "Color of Urine",
            (
                snomed("371244009", "Yellow color (qualifier value)"),
                snomed("32689000", "Straw-colored urine (finding)"),
            ),
        ),
        Answer(
            "34533-0",
            "Odor of Urine",
            (
                snomed("364661000119103", "Urine smell ammoniacal (finding)"),
                snomed("449071000124107", "Urine smell sweet (finding)"),
            ),
        ),
        Answer(
            "32167-9",
            "Clarity of Urine",
            (snomed("300828005", "Cloudy urine (finding)"), snomed("167236000", "Urine looks clear (finding)")),
        ),
        Answer(
            "25428-4",
            "Glucose [Presence] in Urine by Test strip",
            (
                snomed("167261002", "Urine glucose test negative (finding)"),
                snomed("167265006", "Urine glucose test = ++ (finding)"),
            ),
        ),
        Answer(
            "5770-3",
            "Bilirubin.total [Presence] in Urine by Test strip",
            (snomed("167259005", "Finding of bilirubin in urine (finding)"), *_PRESENCE),
        ),
        Answer(
            "2514-8",
            "Ketones [Presence] in Urine by Test strip",
            (
                snomed("167287002", "Urine ketones not detected (finding)"),
                snomed("167288007", "Urine ketone test = trace (finding)"),
            ),
        ),
        Answer(
            "20454-5",
            "Protein [Presence] in Urine by Test strip",
            (
                snomed("167273002", "Urine protein test negative (finding)"),
                snomed("167275009", "Urine protein test = + (finding)"),
            ),
        ),
        Answer(
            "5794-3",
            "Hemoglobin [Presence] in Urine by Test strip",
            (
                snomed("167297006", "Urine blood test = negative (finding)"),
                snomed("167300001", "Urine blood test = + (finding)"),
            ),
        ),
        Answer(
            "5802-4",
            "Nitrite [Presence] in Urine by Test strip",
            (
                snomed("314138001", "Urine nitrite negative (finding)"),
                snomed("314137006", "Nitrite detected in urine (finding)"),
            ),
        ),
        Answer(
            "5799-2",
            "Leukocyte esterase [Presence] in Urine by Test strip",
            (
                snomed("394712000", "Urine leukocyte test one plus (finding)"),
                snomed("394717006", "Urine leukocyte test negative (finding)"),
            ),
        ),
    ),
)
HBA1C: Final = Measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.2, 8.9)
SINGLE_LABS: Final = (
    HBA1C,
    Measure("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 0.4, 4.5, 2),
    Measure("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.6, 1.4, 2),
    Measure("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 65, 140, 0),
    Measure("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 3.5, 5.1),
    Measure("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 135, 145, 0),
    Measure("2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", 15, 250, 0),
    Measure("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 0.2, 12),
    Measure("6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", 1.8, 3.2),
    Measure("2857-1", "Prostate specific Ag [Mass/volume] in Serum or Plasma", "ng/mL", 0.3, 4, 2),
    Measure("1989-3", "25-hydroxyvitamin D3 [Mass/volume] in Serum or Plasma", "ng/mL", 14, 60),
    Measure("14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine", "mg/g", 3, 60),
    Measure(
        "33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", "pg/mL", 40, 900, 0
    ),
)
PANELS: Final = (CBC, METABOLIC, COMPREHENSIVE, LIPIDS, URINALYSIS)

# --- social history and surveys -----------------------------------------------------------------------------------
SMOKING: Final = Answer(
    "72166-2",
    "Tobacco smoking status",
    (
        snomed("266919005", "Never smoked tobacco (finding)"),
        snomed("8517006", "Ex-smoker (finding)"),
        snomed("449868002", "Smokes tobacco daily (finding)"),
    ),
)
SURVEYS: Final = (
    (
        loinc("55757-9", "Patient Health Questionnaire 2 item (PHQ-2) [Reported]"),
        Measure("55758-7", "Patient Health Questionnaire 2 item (PHQ-2) total score [Reported]", "{score}", 0, 6, 0),
        snomed("454711000124102", "Depression screening using Patient Health Questionnaire Two-Item score (procedure)"),
    ),
    (
        loinc("44249-1", "PHQ-9 quick depression assessment panel [Reported.PHQ]"),
        Measure("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]", "{score}", 0, 21, 0),
        snomed("171207006", "Depression screening (procedure)"),
    ),
    (
        loinc("69737-5", "Generalized anxiety disorder 7 item (GAD-7)"),
        Measure(
            "70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]", "{score}", 0, 16, 0
        ),
        snomed("710841007", "Assessment of anxiety (procedure)"),
    ),
    (
        loinc("72109-2", "Alcohol Use Disorder Identification Test - Consumption [AUDIT-C]"),
        Measure("75626-2", "Total score [AUDIT-C]", "{score}", 0, 8, 0),
        snomed("763302001", "Assessment using Alcohol Use Disorders Identification Test - Consumption (procedure)"),
    ),
    (
        loinc("82666-9", "Drug Abuse Screening Test-10 [DAST-10]"),
        Measure("82667-7", "Total score [DAST-10]", "{score}", 0, 5, 0),
        snomed("428211000124100", "Assessment of substance use (procedure)"),
    ),
    (
        loinc("76499-3", "Humiliation, Afraid, Rape, and Kick questionnaire [HARK]"),
        Measure("76504-0", "Total score [HARK]", "{score}", 0, 3, 0),
        snomed("866148006", "Screening for domestic abuse (procedure)"),
    ),
)
_YES: Final = loinc("LA33-6", "Yes")
_NO: Final = loinc("LA32-8", "No")
NEEDS_PANEL: Final = loinc(
    "93025-5", "Protocol for Responding to and Assessing Patients' Assets, Risks, and Experiences [PRAPARE]"
)
NEEDS: Final = (
    Answer("32624-9", "Race", (loinc("LA4457-3", "White"), loinc("LA6162-7", "Other"))),
    Answer("56051-6", "Do you consider yourself Hispanic/Latino?", (_YES, _NO)),
    Answer(
        "93035-4",
        "At any point in the past 2 years, has season or migrant farm work been your or your family's main source "
        "of income?",
        (_YES, _NO),
    ),
    Answer("93034-7", "Have you been discharged from the armed forces of the United States?", (_YES, _NO)),
    Answer("54899-0", "Preferred language", (loinc("LA43-5", "English"), loinc("LA44-3", "Spanish"))),
    Answer(
        "71802-3", "Housing status", (loinc("LA30189-7", "I have housing"), loinc("LA30190-5", "I do not have housing"))
    ),
    Answer("93033-9", "Are you worried about losing your housing?", (_YES, _NO)),
    Answer(
        "82589-3",
        "Highest level of education",
        (loinc("LA30191-3", "More than high school"), loinc("LA30192-1", "High school diploma or GED")),
    ),
    Answer(
        "67875-5",
        "Employment status - current",
        (loinc("LA17956-6", "Unemployed"), loinc("LA30138-4", "Full-time work")),
    ),
    Answer(
        "76437-3",
        "Primary insurance",
        (loinc("LA6350-8", "Private insurance"), loinc("LA17849-3", "Medicaid"), loinc("LA15652-3", "Medicare")),
    ),
    Answer(
        "93031-3",
        "Has lack of transportation kept you from medical appointments, meetings, work, or from getting things "
        "needed for daily living?",
        (_YES, _NO),
    ),
    Answer(
        "93029-7",
        "How often do you see or talk to people that you care about and feel close to?",
        (loinc("LA30130-1", "5 or more times a week"), loinc("LA30131-9", "1 or 2 times a week")),
    ),
    Answer(
        "93038-8",
        "Stress level",
        (
            loinc("LA6568-5", "Not at all"),
            loinc("LA13863-8", "A little bit"),
            loinc("LA13909-9", "Somewhat"),
            loinc("LA13902-4", "Quite a bit"),
        ),
    ),
    Answer(
        "93028-9",
        "In the past year, have you spent more than 2 nights in a row in a jail, prison, detention center, or "
        "juvenile correctional facility?",
        (_NO, _YES),
    ),
    Answer("93027-1", "Are you a refugee?", (_NO, _YES)),
    Answer("93026-3", "Do you feel physically and emotionally safe where you currently live?", (_YES, _NO)),
    Answer("76501-6", "Within the last year, have you been afraid of your partner or ex-partner?", (_NO, _YES)),
)

# --- visits -------------------------------------------------------------------------------------------------------
VISITS: Final = (
    ("AMB", snomed("162673000", "General examination of patient (procedure)")),
    ("AMB", snomed("185347001", "Encounter for problem")),
    ("AMB", snomed("185345009", "Encounter for symptom")),
    ("AMB", snomed("185349003", "Encounter for check up (procedure)")),
    ("AMB", snomed("390906007", "Follow-up encounter")),
    ("AMB", snomed("698314001", "Consultation for treatment")),
    ("AMB", snomed("424619006", "Prenatal visit")),
    ("AMB", snomed("424441002", "Prenatal initial visit")),
    ("AMB", snomed("702927004", "Urgent care clinic (environment)")),
    ("AMB", snomed("33879002", "Administration of vaccine to produce active immunity (procedure)")),
    ("AMB", snomed("410620009", "Well child visit (procedure)")),
    ("EMER", snomed("50849002", "Emergency room admission (procedure)")),
    ("IMP", snomed("183452005", "Encounter Inpatient")),
    ("HH", snomed("439708006", "Home visit (procedure)")),
    ("VR", snomed("448337001", "Telemedicine consultation with patient (procedure)")),
)
CHECK_UP: Final = VISITS[0]
PROBLEM_VISIT: Final = VISITS[1]
SYMPTOM_VISIT: Final = VISITS[2]
FOLLOW_UP: Final = VISITS[4]
WELL_CHILD: Final = VISITS[10]
EMERGENCY: Final = VISITS[11]
INPATIENT: Final = VISITS[12]
PRENATAL: Final = VISITS[6]

# --- problems -----------------------------------------------------------------------------------------------------
CONDITIONS: Final = {
    name: (snomed(code, display), Code(ICD10, icd, icd_display))
    for name, code, display, icd, icd_display in (
        ("hypertension", "59621000", "Essential hypertension (disorder)", "I10", "Essential (primary) hypertension"),
        (
            "diabetes",
            "44054006",
            "Diabetes mellitus type 2 (disorder)",
            "E11.9",
            "Type 2 diabetes mellitus without complications",
        ),
        ("prediabetes", "714628002", "Prediabetes (finding)", "R73.03", "Prediabetes"),
        ("hyperlipidemia", "55822004", "Hyperlipidemia (disorder)", "E78.5", "Hyperlipidemia, unspecified"),
        ("asthma", "195967001", "Asthma (disorder)", "J45.909", "Unspecified asthma, uncomplicated"),
        (
            "copd",
            "13645005",
            "Chronic obstructive lung disease (disorder)",
            "J44.9",
            "Chronic obstructive pulmonary disease, unspecified",
        ),
        ("fibrillation", "49436004", "Atrial fibrillation (disorder)", "I48.91", "Unspecified atrial fibrillation"),
        (
            "kidney",
            "433144002",
            "Chronic kidney disease stage 3 (disorder)",
            "N18.30",
            "Chronic kidney disease, stage 3 unspecified",
        ),
        (
            "failure",
            "88805009",
            "Chronic congestive heart failure (disorder)",
            "I50.22",
            "Chronic systolic (congestive) heart failure",
        ),
        (
            "coronary",
            "53741008",
            "Coronary arteriosclerosis (disorder)",
            "I25.10",
            "Atherosclerotic heart disease of native coronary artery without angina pectoris",
        ),
        (
            "depression",
            "370143000",
            "Major depressive disorder (disorder)",
            "F32.9",
            "Major depressive disorder, single episode, unspecified",
        ),
        ("anxiety", "80583007", "Severe anxiety (panic) (finding)", "F41.0", "Panic disorder"),
        ("alcohol", "7200002", "Alcoholism (disorder)", "F10.20", "Alcohol dependence, uncomplicated"),
        ("opioid", "6525002", "Dependent drug abuse (disorder)", "F11.20", "Opioid dependence, uncomplicated"),
        (
            "hiv",
            "86406008",
            "Human immunodeficiency virus infection (disorder)",
            "B20",
            "Human immunodeficiency virus [HIV] disease",
        ),
        ("thyroid", "40930008", "Hypothyroidism (disorder)", "E03.9", "Hypothyroidism, unspecified"),
        (
            "osteoporosis",
            "64859006",
            "Osteoporosis (disorder)",
            "M81.0",
            "Age-related osteoporosis without current pathological fracture",
        ),
        (
            "hip",
            "5913000",
            "Fracture of neck of femur (disorder)",
            "S72.009A",
            "Fracture of unspecified part of neck of unspecified femur, initial encounter",
        ),
        ("arthritis", "239873007", "Osteoarthritis of knee (disorder)", "M17.9", "Osteoarthritis of knee, unspecified"),
        (
            "breast",
            "254837009",
            "Malignant neoplasm of breast (disorder)",
            "C50.919",
            "Malignant neoplasm of unspecified site of unspecified female breast",
        ),
        ("anemia", "271737000", "Anemia (disorder)", "D64.9", "Anemia, unspecified"),
        ("obesity", "162864005", "Body mass index 30+ - obesity (finding)", "E66.9", "Obesity, unspecified"),
        (
            "pregnancy",
            "72892002",
            "Normal pregnancy",
            "Z34.90",
            "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester",
        ),
        (
            "migraine",
            "37796009",
            "Migraine (disorder)",
            "G43.909",
            "Migraine, unspecified, not intractable, without status migrainosus",
        ),
        (
            "seizure",
            "128613002",
            "Seizure disorder",
            "G40.909",
            "Epilepsy, unspecified, not intractable, without status epilepticus",
        ),
        (
            "reflux",
            "235595009",
            "Gastroesophageal reflux disease (disorder)",
            "K21.9",
            "Gastro-esophageal reflux disease without esophagitis",
        ),
        ("apnea", "73430006", "Sleep apnea (disorder)", "G47.30", "Sleep apnea, unspecified"),
        ("pain", "82423001", "Chronic pain (finding)", "G89.29", "Other chronic pain"),
        ("back", "278860009", "Chronic low back pain (finding)", "M54.50", "Low back pain, unspecified"),
    )
}
PASSING: Final = tuple(
    (snomed(code, display), Code(ICD10, icd, icd_display))
    for code, display, icd, icd_display in (
        (
            "195662009",
            "Acute viral pharyngitis (disorder)",
            "J02.8",
            "Acute pharyngitis due to other specified organisms",
        ),
        ("444814009", "Viral sinusitis (disorder)", "J01.90", "Acute sinusitis, unspecified"),
        ("10509002", "Acute bronchitis (disorder)", "J20.9", "Acute bronchitis, unspecified"),
        ("43878008", "Streptococcal sore throat (disorder)", "J02.0", "Streptococcal pharyngitis"),
        ("65363002", "Otitis media (disorder)", "H66.90", "Otitis media, unspecified, unspecified ear"),
        (
            "68566005",
            "Urinary tract infectious disease (disorder)",
            "N39.0",
            "Urinary tract infection, site not specified",
        ),
        ("44465007", "Sprain of ankle (disorder)", "S93.409A", "Sprain of unspecified ligament of unspecified ankle"),
        ("16114001", "Fracture of ankle", "S82.899A", "Other fracture of unspecified lower leg"),
        ("284549007", "Laceration of hand", "S61.419A", "Laceration without foreign body of unspecified hand"),
        (
            "62106007",
            "Concussion with no loss of consciousness",
            "S06.0X0A",
            "Concussion without loss of consciousness",
        ),
        ("840539006", "COVID-19", "U07.1", "COVID-19"),
        ("386661006", "Fever (finding)", "R50.9", "Fever, unspecified"),
        ("49727002", "Cough (finding)", "R05.9", "Cough, unspecified"),
        ("25064002", "Headache (finding)", "R51.9", "Headache, unspecified"),
        ("283371005", "Laceration of forearm", "S51.819A", "Laceration without foreign body of unspecified forearm"),
        ("275272006", "Brain damage - traumatic", "S06.9X0A", "Unspecified intracranial injury"),
        ("39848009", "Whiplash injury to neck", "S13.4XXA", "Sprain of ligaments of cervical spine"),
        ("73595000", "Stress (finding)", "Z73.3", "Stress, not elsewhere classified"),
        ("160903007", "Full-time employment (finding)", "Z56.9", "Unspecified problems related to employment"),
        ("160904001", "Part-time employment (finding)", "Z56.9", "Unspecified problems related to employment"),
        ("423315002", "Limited social contact (finding)", "Z60.2", "Problems related to living alone"),
        ("422650009", "Social isolation (finding)", "Z60.4", "Social exclusion and rejection"),
        ("706893006", "Victim of intimate partner abuse (finding)", "T74.11XA", "Adult physical abuse, confirmed"),
        ("424393004", "Reports of violence in the environment (finding)", "Z63.8", "Other specified problems"),
        ("266948004", "Has a criminal record (finding)", "Z65.3", "Problems related to other legal circumstances"),
        ("224299000", "Received higher education (finding)", "Z55.9", "Problems related to education and literacy"),
        ("161744009", "Past pregnancy history of miscarriage (finding)", "Z87.59", "Personal history of complications"),
        ("19169002", "Miscarriage in first trimester", "O03.9", "Complete or unspecified spontaneous abortion"),
    )
)

# --- medicines ----------------------------------------------------------------------------------------------------
MEDICINES: Final = {
    name: Code(RXNORM, code, display)
    for name, code, display in (
        ("lisinopril", "314076", "lisinopril 10 MG Oral Tablet"),
        ("hydrochlorothiazide", "310798", "Hydrochlorothiazide 25 MG Oral Tablet"),
        ("metformin", "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"),
        (
            "insulin",
            "106892",
            "insulin isophane, human 70 UNT/ML / insulin, regular, human 30 UNT/ML Injectable Suspension [Humulin]",
        ),
        ("simvastatin", "314231", "Simvastatin 10 MG Oral Tablet"),
        ("atorvastatin", "259255", "Atorvastatin 80 MG Oral Tablet"),
        ("amlodipine", "308136", "amLODIPine 2.5 MG Oral Tablet"),
        ("metoprolol", "866412", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet"),
        ("warfarin", "855332", "Warfarin Sodium 5 MG Oral Tablet"),
        ("apixaban", "1364445", "apixaban 5 MG Oral Tablet"),
        ("furosemide", "313988", "Furosemide 40 MG Oral Tablet"),
        ("clopidogrel", "309362", "Clopidogrel 75 MG Oral Tablet"),
        ("aspirin", "243670", "Aspirin 81 MG Oral Tablet"),
        ("nitroglycerin", "705129", "Nitroglycerin 0.4 MG/ACTUAT Mucosal Spray"),
        ("albuterol", "2123111", "NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
        ("fluticasone", "895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler [Flovent]"),
        ("denosumab", "993449", "1 ML denosumab 60 MG/ML Prefilled Syringe"),
        ("levothyroxine", "966222", "Levothyroxine Sodium 0.075 MG Oral Tablet"),
        ("alendronate", "904420", "alendronic acid 10 MG Oral Tablet"),
        ("sertraline", "312938", "Sertraline 100 MG Oral Tablet"),
        ("fluoxetine", "310385", "FLUoxetine 20 MG Oral Capsule"),
        ("naltrexone", "1483744", "naltrexone hydrochloride 50 MG Oral Tablet"),
        ("buprenorphine", "351266", "buprenorphine 2 MG / naloxone 0.5 MG Sublingual Tablet"),
        (
            "antiretroviral",
            "1747691",
            "cobicistat 150 MG / elvitegravir 150 MG / emtricitabine 200 MG / tenofovir alafenamide 10 MG Oral Tablet",
        ),
        ("paclitaxel", "583214", "PACLitaxel 100 MG Injection"),
        ("cisplatin", "1736854", "Cisplatin 50 MG Injection"),
        ("tamoxifen", "198240", "Tamoxifen 10 MG Oral Tablet"),
        ("acetaminophen", "313782", "Acetaminophen 325 MG Oral Tablet"),
        ("ibuprofen", "198405", "Ibuprofen 100 MG Oral Tablet"),
        ("ibuprofen200", "310965", "Ibuprofen 200 MG Oral Tablet"),
        ("naproxen", "849574", "Naproxen sodium 220 MG Oral Tablet"),
        ("amoxicillin", "308182", "Amoxicillin 250 MG Oral Capsule"),
        ("penicillin", "834102", "Penicillin V Potassium 500 MG Oral Tablet"),
        ("nitrofurantoin", "311989", "nitrofurantoin 5 MG/ML Oral Suspension"),
        ("cetirizine", "1014678", "cetirizine hydrochloride 10 MG Oral Tablet"),
        ("loratadine", "665078", "Loratadine 5 MG Chewable Tablet"),
        ("diphenhydramine", "1049630", "diphenhydrAMINE Hydrochloride 25 MG Oral Tablet"),
        ("epinephrine", "1870230", "NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector"),
        ("omeprazole", "198051", "Omeprazole 20 MG Delayed Release Oral Capsule"),
        ("diazepam", "197591", "Diazepam 5 MG Oral Tablet"),
        ("oxycodone", "1049635", "Acetaminophen 325 MG / oxyCODONE Hydrochloride 5 MG Oral Tablet"),
        ("hydrocodone", "856987", "Acetaminophen 300 MG / HYDROcodone Bitartrate 5 MG Oral Tablet"),
        ("contraceptive", "749762", "Seasonique 91 Day Pack"),
        ("ring", "1367439", "NuvaRing 0.12/0.015 MG per 24HR 21 Day Vaginal System"),
        ("iud", "807283", "Mirena 52 MG Intrauterine System"),
        (
            "syrup",
            "1043400",
            "Acetaminophen 21.7 MG/ML / Dextromethorphan Hydrobromide 1 MG/ML / doxylamine succinate 0.417 MG/ML "
            "Oral Solution",
        ),
    )
}

# --- vaccines, procedures, allergies, devices ---------------------------------------------------------------------
VACCINES: Final = tuple(
    Code(CVX, code, display)
    for code, display in (
        ("140", "Influenza, seasonal, injectable, preservative free"),
        ("08", "Hep B, adolescent or pediatric"),
        ("43", "Hep B, adult"),
        ("10", "IPV"),
        ("20", "DTaP"),
        ("03", "MMR"),
        ("21", "varicella"),
        ("133", "Pneumococcal conjugate PCV 13"),
        ("33", "pneumococcal polysaccharide vaccine, 23 valent"),
        ("49", "Hib (PRP-OMP)"),
        ("119", "rotavirus, monovalent"),
        ("83", "Hep A, ped/adol, 2 dose"),
        ("52", "Hep A, adult"),
        ("62", "HPV, quadrivalent"),
        ("114", "meningococcal MCV4P"),
        ("113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed"),
        ("115", "Tdap"),
        ("121", "zoster vaccine, live"),
        ("187", "zoster vaccine recombinant"),
        ("207", "SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 100 mcg/0.5mL dose"),
        ("208", "SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 30 mcg/0.3mL dose"),
        (
            "212",
            "SARS-COV-2 (COVID-19) vaccine, vector non-replicating, recombinant spike protein-Ad26, "
            "preservative free, 0.5 mL",
        ),
    )
)
FLU: Final = VACCINES[0]
CHILD_VACCINES: Final = VACCINES[1:2] + VACCINES[3:12]
PROCEDURES: Final = tuple(
    snomed(code, display)
    for code, display in (
        ("430193006", "Medication Reconciliation (procedure)"),
        ("710824005", "Assessment of health and social care needs (procedure)"),
        ("171207006", "Depression screening (procedure)"),
        ("428211000124100", "Assessment of substance use (procedure)"),
        ("710841007", "Assessment of anxiety (procedure)"),
        ("866148006", "Screening for domestic abuse (procedure)"),
        ("19490002", "Ankle X-ray"),
        ("399208008", "Plain chest X-ray (procedure)"),
        ("168537006", "Plain radiography (procedure)"),
        ("60027007", "Radiography of wrist"),
        ("40701008", "Echocardiography (procedure)"),
        ("29303009", "Electrocardiographic procedure (procedure)"),
        ("180325003", "Electrical cardioversion (procedure)"),
        ("73761001", "Colonoscopy (procedure)"),
        ("71651007", "Mammography (procedure)"),
        ("241055006", "Mammogram - symptomatic (procedure)"),
        ("122548005", "Biopsy of breast (procedure)"),
        ("392021009", "Lumpectomy of breast (procedure)"),
        ("367336001", "Chemotherapy (procedure)"),
        ("703423002", "Combined chemotherapy and radiation therapy (procedure)"),
        ("33195004", "External beam radiation therapy procedure (procedure)"),
        ("52734007", "Total replacement of hip (procedure)"),
        ("609588000", "Total knee replacement (procedure)"),
        ("80146002", "Excision of appendix (procedure)"),
        ("274474001", "Bone immobilization"),
        ("269911007", "Sputum examination (procedure)"),
        ("23426006", "Measurement of respiratory function (procedure)"),
        ("117015009", "Throat culture (procedure)"),
        ("395142003", "Allergy screening test"),
        ("274804006", "Evaluation of uterine fundal height"),
        ("225158009", "Auscultation of the fetal heart"),
        ("252160004", "Standard pregnancy test"),
        ("268556000", "Urine screening for glucose"),
        ("268400002", "12 lead electrocardiogram"),
        ("398171003", "Hearing examination (procedure)"),
        ("415070008", "Percutaneous coronary intervention (procedure)"),
        ("265764009", "Renal dialysis (procedure)"),
        ("385763009", "Hospice care (regime/therapy)"),
        ("288086009", "Suture open wound"),
        ("311791003", "Information gathering (procedure)"),
        ("76601001", "Intramuscular injection"),
        ("162676008", "Brief general examination (procedure)"),
        ("16335031000119103", "High resolution computed tomography of chest without contrast (procedure)"),
        ("408919008", "Psychosocial care (regime/therapy)"),
        ("183519002", "Referral to cardiology service (procedure)"),
        ("306206005", "Referral to service (procedure)"),
        ("386516004", "Anticipatory guidance (procedure)"),
    )
)
ALLERGIES: Final = {
    "penicillin": (Code(RXNORM, "7984", "Penicillin V"), "medication", ("271807003", "Eruption of skin (disorder)")),
    "aspirin": (Code(RXNORM, "1191", "Aspirin"), "medication", ("402387002", "Allergic angioedema (disorder)")),
    "sulfa": (
        Code(RXNORM, "10831", "Sulfamethoxazole / Trimethoprim"),
        "medication",
        ("39579001", "Anaphylaxis (disorder)"),
    ),
    "peanut": (snomed("762952008", "Peanut (substance)"), "food", ("39579001", "Anaphylaxis (disorder)")),
    "milk": (snomed("782576004", "Cow's milk (substance)"), "food", ("62315008", "Diarrhea (finding)")),
    "egg": (snomed("102263004", "Eggs (edible) (substance)"), "food", ("247472004", "Wheal (finding)")),
    "latex": (snomed("111088007", "Latex (substance)"), "environment", ("247472004", "Wheal (finding)")),
    "pollen": (
        snomed("256259004", "Pollen (substance)"),
        "environment",
        ("878820003", "Rhinoconjunctivitis (disorder)"),
    ),
    "dander": (snomed("232347008", "Dander (animal) allergy"), "environment", ("76067001", "Sneezing (finding)")),
    "mites": (
        snomed("260147004", "House dust mite (organism)"),
        "environment",
        ("878820003", "Rhinoconjunctivitis (disorder)"),
    ),
}
NO_KNOWN_ALLERGY: Final = snomed("716186003", "No known allergy (situation)")
DEVICES: Final = (
    snomed("72506001", "Implantable defibrillator, device (physical object)"),
    snomed("704708004", "Cardiac resynchronization therapy implantable pacemaker (physical object)"),
    snomed("304120007", "Total hip replacement prosthesis (physical object)"),
    snomed("228869008", "Manual wheelchair (physical object)"),
    snomed("337414009", "Blood glucose meter (physical object)"),
    snomed("702172008", "Home continuous positive airway pressure unit (physical object)"),
    snomed("363753007", "Crutches (physical object)"),
    snomed("91537007", "Hospital bed, device (physical object)"),
    snomed("701077002", "Respiratory apnea monitoring system (physical object)"),
    snomed("706180003", "Respiratory humidifier (physical object)"),
)
PLANS: Final = {
    "diabetes": (
        snomed("698360004", "Diabetes self management plan"),
        (snomed("160670007", "Diabetic diet"), snomed("229065009", "Exercise therapy")),
        "Hemoglobin A1c total in Blood < 7.0",
    ),
    "hypertension": (
        snomed("443402002", "Lifestyle education regarding hypertension"),
        (
            snomed("386463000", "Prescribed activity/exercise education"),
            snomed("413473000", "Counseling about alcohol consumption"),
            snomed("1151000175103", "Dietary approaches to stop hypertension diet"),
        ),
        "Maintain blood pressure below 140/90 mm[Hg]",
    ),
    "asthma": (
        snomed("699728000", "Asthma self management"),
        (snomed("710081004", "Inhaler technique education"), snomed("710125006", "Avoid passive smoking")),
        "Fewer than two days a week with symptoms",
    ),
    "breast": (
        snomed("395082007", "Cancer care plan"),
        (snomed("243072006", "Cancer education"), snomed("324911000000105", "Radiotherapy")),
        "Complete the planned course of treatment",
    ),
}
RACES: Final = {
    "white": Code("urn:oid:2.16.840.1.113883.6.238", "2106-3", "White"),
    "black": Code("urn:oid:2.16.840.1.113883.6.238", "2054-5", "Black or African American"),
    "asian": Code("urn:oid:2.16.840.1.113883.6.238", "2028-9", "Asian"),
    "native": Code("urn:oid:2.16.840.1.113883.6.238", "1002-5", "American Indian or Alaska Native"),
    "other": Code("urn:oid:2.16.840.1.113883.6.238", "2131-1", "Other Race"),
}
HISPANIC: Final = Code("urn:oid:2.16.840.1.113883.6.238", "2135-2", "Hispanic or Latino")
NOT_HISPANIC: Final = Code("urn:oid:2.16.840.1.113883.6.238", "2186-5", "Not Hispanic or Latino")
HISTORY_NOTE: Final = loinc("34117-2", "History and physical note")
PLAN_NOTE: Final = loinc("51847-2", "Evaluation + Plan note")
EMERGENCY_NOTE: Final = loinc("34111-5", "Emergency department note")
DISCHARGE_NOTE: Final = loinc("18842-5", "Discharge summary")
