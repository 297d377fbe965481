"""The FHIR R4 resource server ``/fhir/r4``: what an app that she let in may read, spliced from stored bytes."""
