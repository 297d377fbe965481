"""The small numbers that stand for resource types and search parameters in every row.

Both lists only grow at their end: a number that was ever written must keep its meaning.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_RESOURCE_TYPES: Final = (
    # The resource types of FHIR R4 (hl7.org/fhir/R4/valueset-resource-types.html), in alphabetical order.
    "Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic "
    "Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam CatalogEntry "
    "ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication "
    "CommunicationRequest "
    "CompartmentDefinition Composition ConceptMap Condition Consent Contract Coverage CoverageEligibilityRequest "
    "CoverageEligibilityResponse DetectedIssue Device DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement "
    "DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest "
    "EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit "
    "FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization "
    "ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library Linkage List "
    "Location Measure MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationKnowledge "
    "MedicationRequest MedicationStatement MedicinalProduct MedicinalProductAuthorization "
    "MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient "
    "MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged "
    "MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition MessageHeader "
    "MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition OperationDefinition "
    "OperationOutcome Organization OrganizationAffiliation Parameters Patient PaymentNotice PaymentReconciliation "
    "Person PlanDefinition Practitioner PractitionerRole Procedure Provenance Questionnaire QuestionnaireResponse "
    "RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject "
    "RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter ServiceRequest Slot Specimen SpecimenDefinition "
    "StructureDefinition StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein "
    "SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest Task "
    "TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription"
)

_PARAMETERS: Final = (
    # Search parameters that earn a row (docs/adr/0003-search-rows.md). Ours: "context" is the home of a Binary, and
    # "inherits" whatever passes its sensitivity on to the record (inheriting.py).
    "category code status intent type class clinical-status encounter lifecycle-status target context identifier "
    "inherits"
)

TYPE_NUMBER: Final = MappingProxyType({name: number for number, name in enumerate(_RESOURCE_TYPES.split(), 1)})
TYPE_NAME: Final = MappingProxyType({number: name for name, number in TYPE_NUMBER.items()})
PARAMETER_NUMBER: Final = MappingProxyType({code: number for number, code in enumerate(_PARAMETERS.split(), 1)})
