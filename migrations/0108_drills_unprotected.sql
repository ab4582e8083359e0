-- Drills that owe a protection are few and are asked for by the first page of everybody.
CREATE INDEX drills_unprotected ON drills (created_at DESC)
    WHERE jsonb_path_exists(unprotected, '$[*] ? (@.to == null)');
