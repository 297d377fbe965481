"""International Patient Summary 2.0 (http://hl7.org/fhir/uv/ips): resources in, a document out."""
