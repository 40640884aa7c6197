-- The receiver of a job's messages, {"url", "host"}, and the fate of its newest message, {"state", "attempts", "lastError"}.
ALTER TABLE jobs ADD COLUMN webhook TEXT;
ALTER TABLE jobs ADD COLUMN webhook_delivery TEXT;

-- Messages to receivers. The body never changes; next_attempt is in unix milliseconds by the database's clock.
CREATE TABLE webhook_deliveries (
    id           TEXT    NOT NULL PRIMARY KEY,
    job_id       TEXT    NOT NULL,
    url          TEXT    NOT NULL,
    host         TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER NOT NULL,
    last_error   TEXT
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (host, next_attempt) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (state) WHERE state = 'dead';
CREATE INDEX webhook_deliveries_of_job ON webhook_deliveries (job_id);

-- INSERT INTO webhook_messages (job_id, type) sends a message on a job to its receiver, where it has one.
CREATE VIEW webhook_messages AS SELECT job_id, '' AS type FROM webhook_deliveries;

CREATE TRIGGER webhook_messages_insert INSTEAD OF INSERT ON webhook_messages
BEGIN
    INSERT INTO webhook_deliveries (id, job_id, url, host, body, next_attempt)
    SELECT
        'msg_' || lower(hex(randomblob(16))), id, json_extract(webhook, '$.url'), json_extract(webhook, '$.host'),
        json_object(
            'type', NEW.type, 'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
            'data', json_object(
                'id', id, 'state', state, 'name', json_extract(request, '$.name'), 'error', json_extract(error, '$.code'),
                'links', json_object('self', '/v1/jobs/' || id, 'artefacts', '/v1/jobs/' || id || '/artefacts'))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM jobs WHERE id = NEW.job_id AND webhook IS NOT NULL;
END;

CREATE TRIGGER webhook_messages_final AFTER UPDATE OF state ON jobs
WHEN NEW.webhook IS NOT NULL AND OLD.state IN ('queued', 'running') AND NEW.state IN ('succeeded', 'failed', 'cancelled')
BEGIN
    INSERT INTO webhook_messages (job_id, type) VALUES (NEW.id, 'job.' || NEW.state);
END;

CREATE TRIGGER webhook_deliveries_change AFTER UPDATE ON webhook_deliveries
BEGIN
    UPDATE jobs SET webhook_delivery = json_object('state', NEW.state, 'attempts', NEW.attempts, 'lastError', NEW.last_error) WHERE id = NEW.job_id;
END;

CREATE TRIGGER webhook_deliveries_end AFTER DELETE ON jobs
BEGIN
    DELETE FROM webhook_deliveries WHERE job_id = OLD.id;
END;
