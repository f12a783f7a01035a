"""The database's schema, version by version; `enrich migrate` applies what is pending."""
