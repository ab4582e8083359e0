-- Writers of the log do not wait for each other, so an entry can become visible after one with a higher number.
-- The sealer links only what is complete; open pages follow the chain, where nothing comes in between.
DROP TRIGGER live ON audit;
CREATE TRIGGER live AFTER INSERT ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION notify_live();

-- The sealer asks it how many numbers were drawn.
GRANT SELECT ON SEQUENCE audit_id_seq TO lifeboat_app;
