-- What runs with its owner's rights is for who works, not for every login: `application_role.sql`
-- and deploy/postgres/roles.sql say who that is.
REVOKE EXECUTE ON FUNCTION add_embedding_model(text, integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_embedding_models(double precision) FROM PUBLIC;
