"""The platform's file: what the operator writes."""
