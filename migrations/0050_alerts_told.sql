-- A transaction that notifies commits alone: Postgres lets no other one that notifies commit until the disk has it.
-- Of alerts there are hundreds a second in a storm, so whoever stored them tells of them afterwards; a word that is
-- lost costs the detector a second.
DROP TRIGGER alerts_changed ON alerts;
DROP FUNCTION notify_alerts();
