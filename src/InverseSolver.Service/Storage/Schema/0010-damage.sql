-- A key belongs to its caller: it is stored behind the caller's name.
UPDATE jobs SET idempotency_key = caller || ' ' || idempotency_key WHERE idempotency_key IS NOT NULL;

-- A damaged record must not keep a job from its end: what is not JSON is left out of the message.
DROP TRIGGER webhook_messages_insert;
CREATE TRIGGER webhook_messages_insert INSTEAD OF INSERT ON webhook_messages
BEGIN
    INSERT INTO webhook_deliveries (id, job_id, url, host, body, next_attempt)
    SELECT
        'msg_' || lower(hex(randomblob(16))), id, json_extract(webhook, '$.url'), json_extract(webhook, '$.host'),
        json_object(
            'type', NEW.type, 'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
            'data', json_object(
                'id', id, 'state', state,
                'name', CASE WHEN json_valid(request) THEN json_extract(request, '$.name') END,
                'error', CASE WHEN json_valid(error) THEN json_extract(error, '$.code') END,
                'links', json_object('self', '/v1/jobs/' || id, 'artefacts', '/v1/jobs/' || id || '/artefacts'))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM jobs
    WHERE id = NEW.job_id
        AND CASE WHEN json_valid(webhook) THEN json_type(webhook, '$.url') = 'text' AND json_type(webhook, '$.host') = 'text' END;
END;
