"""C-CDA documents of a person who does not exist, made of the sections a test needs."""

from __future__ import annotations

T = "2.16.840.1.113883.10.20.22.4."
LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'


def document(*sections: str, header: str = "", given: str = "Ana", born: str = "19700501", body: str = "") -> bytes:
    inside = (
        body or f"<structuredBody>{''.join(f'<component>{each}</component>' for each in sections)}</structuredBody>"
    )
    return f"""<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <id root="2.16.840.1.113883.19.5" extension="doc-1"/>
 <code code="34133-9" {LOINC} displayName="Summary"/><title>Health Summary</title>
 <effectiveTime value="20240305101500-0500"/>{header}
 <recordTarget><patientRole><id root="2.16.840.1.113883.19.5" extension="998"/>
  <addr use="HP"><streetAddressLine>1 Hill Road</streetAddressLine><city>Springfield</city></addr>
  <telecom use="HP" value="tel:+1-555-0100"/>
  <patient><name use="L"><given>{given}</given><family>Example</family></name>
   <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{born}"/></patient>
 </patientRole></recordTarget>
 <author><time value="20240305"/><assignedAuthor><id root="2.16.840.1.113883.4.6" extension="77"/>
  <assignedPerson><name><given>Dora</given><family>Doctor</family></name></assignedPerson></assignedAuthor></author>
 <custodian><assignedCustodian><representedCustodianOrganization><id root="2.16.840.1.113883.19.5"/>
  <name>Hill Clinic</name></representedCustodianOrganization></assignedCustodian></custodian>
 <component>{inside}</component>
</ClinicalDocument>""".encode()


def section(code: str, title: str, *entries: str, text: str = "", more: str = "") -> str:
    held = "".join(f"<entry>{each}</entry>" for each in entries)
    return f'<section><code code="{code}" {LOINC}/><title>{title}</title>{more}<text>{text}</text>{held}</section>'


def problem(
    code: str = '<value xsi:type="CD" code="38341003" codeSystem="2.16.840.1.113883.6.96" displayName="Hypertension"/>',
    *,
    time: str = '<effectiveTime><low value="201903"/></effectiveTime>',
    negated: bool = False,
    more: str = "",
    act: str = "active",
) -> str:
    negation = ' negationInd="true"' if negated else ""
    return f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}3"/><statusCode code="{act}"/>
 <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"{negation}><templateId root="{T}4"/>
  <id root="2.16.840.1.113883.19.5" extension="p1"/><code code="55607006" {SNOMED}/><statusCode code="completed"/>
  {time}{code}{more}</observation></entryRelationship></act>"""


def allergy(*, substance: str, kind: str = "416098002", negated: bool = False, more: str = "") -> str:
    negation = ' negationInd="true"' if negated else ""
    return f"""<act classCode="ACT" moodCode="EVN"><templateId root="{T}30"/><statusCode code="active"/>
 <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"{negation}><templateId root="{T}7"/>
  <code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><value xsi:type="CD" code="{kind}" {SNOMED}/>
  <participant typeCode="CSM"><participantRole><playingEntity>{substance}</playingEntity></participantRole>
  </participant>{more}</observation></entryRelationship></act>"""


def result(
    value: str, *, code: str = "718-7", status: str = "completed", more: str = "", time: str = "20240305"
) -> str:
    return f"""<observation classCode="OBS" moodCode="EVN"><templateId root="{T}2"/>
 <code code="{code}" {LOINC}/><statusCode code="{status}"/><effectiveTime value="{time}"/>{value}{more}</observation>"""


def organizer(template: str, *members: str, code: str = f'<code code="58410-2" {LOINC}/>') -> str:
    held = "".join(f"<component>{each}</component>" for each in members)
    return f"""<organizer classCode="BATTERY" moodCode="EVN"><templateId root="{T}{template}"/>{code}
 <statusCode code="completed"/>{held}</organizer>"""


def medication(*, mood: str = "EVN", negated: bool = False, more: str = "") -> str:
    negation = ' negationInd="true"' if negated else ""
    return f"""<substanceAdministration classCode="SBADM" moodCode="{mood}"{negation}><templateId root="{T}16"/>
 <statusCode code="active"/>
 <effectiveTime xsi:type="IVL_TS"><low value="20240101"/></effectiveTime>
 <effectiveTime xsi:type="PIVL_TS" operator="A"><period value="12" unit="h"/></effectiveTime>
 <routeCode code="C38288" codeSystem="2.16.840.1.113883.3.26.1.1"/><doseQuantity value="1.50" unit="mg"/>
 <consumable><manufacturedProduct><manufacturedMaterial><code code="314076" codeSystem="2.16.840.1.113883.6.88"
  displayName="Lisinopril 10 MG"/></manufacturedMaterial></manufacturedProduct></consumable>{more}
</substanceAdministration>"""


def shot(*, negated: bool = False, more: str = "") -> str:
    return f"""<substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="{str(negated).lower()}">
 <templateId root="{T}52"/><statusCode code="completed"/><effectiveTime value="20211015"/>
 <consumable><manufacturedProduct><manufacturedMaterial><code code="88" codeSystem="2.16.840.1.113883.12.292"/>
  <lotNumberText>L-1</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable>{more}</substanceAdministration>"""
