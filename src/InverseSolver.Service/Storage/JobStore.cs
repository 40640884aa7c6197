using System.Text.Json;
using Dapper;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Jobs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Storage;

/// <summary>A job to store.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Request">A <see cref="StoredRequest"/> as JSON.</param>
/// <param name="IdempotencyKey">The caller's key.</param>
/// <param name="BodyHash">The hash of the request.</param>
/// <param name="Sharing">The model and version whose network calls it may share with other jobs; null where it may not.</param>
/// <param name="Warnings">The warnings on its files, a list of sentences as JSON.</param>
/// <param name="Retain">Days for which it is kept once it is final; null: as the service is configured.</param>
/// <param name="Bytes">Bytes of its files.</param>
internal sealed record NewJob(
    string Id, string Request, string? IdempotencyKey, string BodyHash, string? Sharing = null, string? Warnings = null, int? Retain = null, long Bytes = 0)
{
    /// <summary>The receiver of its messages as JSON; null where it has none.</summary>
    public string? Webhook { get; init; }

    /// <summary>Who sent it.</summary>
    public string Caller { get; init; } = "";

    /// <summary>Its place among the jobs of its caller: -1 behind, 0, 1 before those that are not much older.</summary>
    public int Priority { get; init; }
}

/// <summary>The end of a job that did not succeed.</summary>
internal sealed record JobEnd
{
    /// <summary>Its id.</summary>
    public string Id { get; init; } = "";

    /// <summary>Its state: failed or cancelled.</summary>
    public string State { get; init; } = "";

    /// <summary>A <see cref="JobError"/> as JSON, where it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long Finished { get; init; }
}

/// <summary>
/// The jobs and the queue, which are one table. A claim raises the epoch, and a worker's later writes succeed only while the job is running in that epoch.
/// Times are the database's.
/// </summary>
internal sealed class JobStore(JobDatabase database, IOptions<JobOptions> options, AuditTrail audit)
{
    private const string Now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

    private const string Held = "id = @id AND epoch = @epoch AND state = 'running'";

    private const string IsFinal = "state IN ('succeeded', 'failed', 'cancelled')";

    private const string Cancellation = "jobCancelled", Requeue = "jobRequeued";

    private const string IsAlive = $"state = 'running' AND lease_until >= {Now}";

    // When a job expires that becomes final now.
    private readonly string _expiry = ExpiryOf("retain", options.Value);

    /// <summary>Stores a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="capacity">The most jobs that may wait; twice as many where the caller has none that waits, so that others cannot take its place.</param>
    /// <param name="ofCaller">The most jobs of its caller that may wait.</param>
    /// <returns>The job; null when the queue is full or the key is taken.</returns>
    public JobRow? Add(NewJob job, int capacity, int ofCaller = int.MaxValue) =>
        database.Write(connection => Row(
            connection,
            $"""
            INSERT INTO jobs (id, state, created, request, idempotency_key, body_hash, sharing, warnings, retain, bytes, webhook, caller, priority)
            SELECT @Id, 'queued', {Now}, @Request, @IdempotencyKey, @BodyHash, @Sharing, @Warnings, @Retain, @Bytes, @Webhook, @Caller, @Priority
            WHERE (SELECT COUNT(*) FROM jobs WHERE state = 'queued')
                    < @capacity * CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND caller = @Caller) THEN 1 ELSE 2 END
                AND (SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND caller = @Caller) < @ofCaller
            ON CONFLICT (idempotency_key) DO NOTHING
            RETURNING *
            """,
            new
            {
                job.Id,
                job.Request,
                job.IdempotencyKey,
                job.BodyHash,
                job.Sharing,
                job.Warnings,
                job.Retain,
                job.Bytes,
                job.Webhook,
                job.Caller,
                job.Priority,
                capacity,
                ofCaller,
            }));

    /// <summary>The form in which a caller's idempotency key is stored.</summary>
    public static string KeyOf(string caller, string key) => $"{caller} {key}";

    /// <summary>The number of a caller's jobs that wait.</summary>
    public long WaitingOf(string caller) => Ask<long>("SELECT COUNT(*) FROM jobs WHERE caller = @caller AND state = 'queued'", new { caller });

    /// <summary>The bytes of all jobs of a caller.</summary>
    public long BytesOf(string caller) => Ask<long>("SELECT COALESCE(SUM(bytes), 0) FROM jobs WHERE caller = @caller", new { caller });

    /// <summary>The seconds for which a caller's jobs ran within 24 hours.</summary>
    public double SecondsOf(string caller) =>
        Ask<double>($"SELECT COALESCE(SUM(seconds), 0.0) FROM usage WHERE caller = @caller AND hour > {Now} / 3600000 - 24", new { caller });

    /// <summary>The place of a caller's first waiting job among all that wait, by age; 0 where none waits.</summary>
    public long PositionOf(string caller) => Ask<long>(
        """
        SELECT COUNT(*) FROM jobs
        WHERE state = 'queued' AND created <= (SELECT MIN(created) FROM jobs WHERE caller = @caller AND state = 'queued')
        """,
        new { caller });

    /// <summary>One job.</summary>
    public JobRow? Get(string id)
    {
        using SqliteConnection connection = database.Open();
        return Row(connection, "SELECT * FROM jobs WHERE id = @id", new { id });
    }

    /// <summary>The job that a caller stored under an idempotency key.</summary>
    /// <param name="key">The key as it is stored, <see cref="KeyOf"/>.</param>
    public JobRow? FindByKey(string key)
    {
        using SqliteConnection connection = database.Open();
        return Row(connection, "SELECT * FROM jobs WHERE idempotency_key = @key", new { key });
    }

    /// <summary>Jobs, newest first.</summary>
    /// <param name="account">Only those that it manages; null: those of all.</param>
    /// <param name="state">Only those in this state.</param>
    /// <param name="before">Only those with a lesser id.</param>
    /// <param name="limit">The most jobs.</param>
    /// <param name="model">Only those of this model.</param>
    /// <param name="problem">Only those of this kind of problem.</param>
    /// <param name="from">Only those created at this time or later, unix milliseconds.</param>
    /// <param name="to">Only those created before this time, unix milliseconds.</param>
    public IReadOnlyList<JobRow> List(
        Account? account, string? state, string? before, int limit, string? model = null, string? problem = null, long? from = null, long? to = null)
    {
        using SqliteConnection connection = database.Open();
        return Rows(
            connection,
            """
            SELECT * FROM jobs
            WHERE (@everything OR caller = @Caller OR (@ofTenant AND CASE WHEN @Tenant = '' THEN instr(caller, '/') = 0
                    ELSE substr(caller, 1, length(@Tenant) + 1) = @Tenant || '/' END))
                AND (@state IS NULL OR state = @state) AND (@before IS NULL OR id < @before)
                AND (@from IS NULL OR created >= @from) AND (@to IS NULL OR created < @to)
                AND (@model IS NULL OR CASE WHEN json_valid(request) THEN json_extract(request, '$.model') = @model END)
                AND (@problem IS NULL OR CASE WHEN json_valid(request) THEN json_extract(request, '$.problem.type') = @problem END)
            ORDER BY id DESC LIMIT @limit
            """,
            new
            {
                state,
                before,
                limit,
                model,
                problem,
                from,
                to,
                account?.Caller,
                account?.Tenant,
                everything = account is null or { IsAnonymous: true } || account.Scopes.Contains(Scope.Admin),
                ofTenant = account?.Scopes.Contains(Scope.Tenant) == true,
            });
    }

    /// <summary>The number of jobs in a state.</summary>
    public int Count(string state) => Ask<int>("SELECT COUNT(*) FROM jobs WHERE state = @state", new { state });

    /// <summary>The ids of all jobs.</summary>
    public HashSet<string> Ids()
    {
        using SqliteConnection connection = database.Open();
        return [.. connection.Query<string>("SELECT CAST(id AS TEXT) FROM jobs")];
    }

    /// <summary>The ends of jobs that did not succeed.</summary>
    /// <param name="id">The end of this job, where it has one; null: of all.</param>
    public IReadOnlyList<JobEnd> Ends(string? id = null)
    {
        using SqliteConnection connection = database.Open();
        return connection.Query<JobEnd>(
            """
            SELECT CAST(id AS TEXT) AS id, state, CAST(error AS TEXT) AS error, CAST(finished AS INTEGER) AS finished FROM jobs
            WHERE state IN ('failed', 'cancelled') AND finished IS NOT NULL AND (@id IS NULL OR id = @id)
            """,
            new { id }).AsList();
    }

    /// <summary>Ends the leases of all other workers. Correct only where no other process works on this store.</summary>
    /// <param name="owner">This worker.</param>
    public int ExpireOthers(string owner) =>
        Recorded(
            connection => connection.Query<string>(
                "UPDATE jobs SET lease_until = 0 WHERE state = 'running' AND lease_owner <> @owner RETURNING id", new { owner }).AsList(),
            ids => ids.Select(id => (Requeue, (string?)id))).Count;

    /// <summary>Finishes running jobs whose lease ended and that must not run again: cancelled ones, and those lost too often without progress.</summary>
    /// <param name="starts">The most starts of a job without progress.</param>
    /// <param name="error">The error of a lost one, a <see cref="JobError"/> as JSON.</param>
    /// <returns>Their ids.</returns>
    public IReadOnlyList<string> FinishLost(int starts, Func<JobRow, string> error) => [.. Recorded(
        connection => FinishLost(connection, starts, error),
        lost => lost.Select(job => job.CancelRequested ? (Cancellation, (string?)job.Id) : (AuditTrail.JobFailed, Failed(job.Id, error(job)))))
        .Select(job => job.Id)];

    private IReadOnlyList<JobRow> FinishLost(SqliteConnection connection, int starts, Func<JobRow, string> error)
    {
        IReadOnlyList<JobRow> lost = Rows(
            connection,
            $"SELECT * FROM jobs WHERE state = 'running' AND lease_until < {Now} AND (cancel_requested OR stalls >= @starts)", new { starts });
        foreach (JobRow job in lost)
        {
            connection.Execute(
                $"""
                UPDATE jobs SET
                    state = @state, error = @text, finished = {Now}, expires = {_expiry}, version = version + 1, epoch = epoch + 1,
                    lease_owner = NULL, lease_until = NULL
                WHERE {Held}
                """,
                new
                {
                    id = job.Id,
                    epoch = job.Epoch,
                    state = job.CancelRequested ? "cancelled" : "failed",
                    text = job.CancelRequested ? null : error(job),
                });
        }

        return lost;
    }

    /// <summary>
    /// Claims the next job: a waiting one, or a running one whose lease ended. Of those that a process died of before they advanced one runs at a time, so
    /// that no two are blamed for each other; jobs beside it lose their steps since their last checkpoint should it happen again.
    /// </summary>
    /// <remarks>
    /// Of callers with waiting jobs the one goes first that has used least: seconds of solving, each hour of the last day counting less than the next, and a
    /// minute for each job that runs, over its weight. Of a caller's jobs the oldest goes first; each step of priority is worth ten minutes of waiting.
    /// </remarks>
    /// <param name="owner">The claiming worker.</param>
    /// <param name="lease">The duration of the lease.</param>
    /// <param name="sharing">Claims it only if it may share the calls of this model and version; any other job keeps its place in the queue.</param>
    /// <param name="ofCaller">The most jobs of one caller that run at once, where it has no quota of its own.</param>
    /// <param name="weights">Weights of callers, a JSON object; 1 for others; both where they have no quota of their own.</param>
    /// <param name="seconds">The most seconds of solving for one caller in 24 hours, those of its running jobs included; likewise.</param>
    public JobRow? Claim(
        string owner, TimeSpan lease, string? sharing = null, int ofCaller = int.MaxValue, string weights = "{}", double seconds = double.MaxValue) =>
        Recorded(connection => Row(
            connection,
            $"""
            UPDATE jobs SET
                state = 'running', started = COALESCE(started, {Now}), epoch = epoch + 1, attempts = attempts + 1, stalls = stalls + 1,
                version = version + 1, lease_owner = @owner, lease_until = {Now} + @lease, claimed = {Now}
            WHERE id = (
                SELECT jobs.id FROM jobs
                LEFT JOIN (SELECT caller, COUNT(*) AS jobs, SUM({Now} - claimed) / 1000.0 AS seconds FROM jobs WHERE {IsAlive} GROUP BY caller) AS now
                    ON now.caller = jobs.caller
                LEFT JOIN (
                    SELECT caller, SUM(seconds) AS whole, SUM(seconds * (24 - {Now} / 3600000 + hour) / 24.0) AS seconds
                    FROM usage WHERE hour > {Now} / 3600000 - 24 GROUP BY caller)
                    AS before ON before.caller = jobs.caller
                LEFT JOIN json_each(@weights) AS weight ON weight.key = jobs.caller
                LEFT JOIN quotas AS quota ON quota.caller = jobs.caller
                WHERE (state = 'queued' OR (state = 'running' AND lease_until < {Now}))
                    AND (quota.running = 0 OR COALESCE(now.jobs, 0) < COALESCE(quota.running, @ofCaller))
                    AND (quota.seconds = 0 OR COALESCE(before.whole, 0) + COALESCE(now.seconds, 0) < COALESCE(quota.seconds, @seconds))
                    AND (stalls = 0 OR NOT EXISTS (
                        SELECT 1 FROM jobs AS other WHERE other.state = 'running' AND other.lease_until >= {Now} AND other.stalls > 1))
                ORDER BY
                    (COALESCE(before.seconds, 0) + COALESCE(now.seconds, 0) + 60 * COALESCE(now.jobs, 0))
                        / COALESCE(quota.weight, weight.value, 1),
                    created - priority * 600000, created, jobs.id
                LIMIT 1)
                AND (@sharing IS NULL OR (sharing = @sharing AND state = 'queued' AND stalls = 0))
            RETURNING *
            """,
            new { owner, lease = (long)lease.TotalMilliseconds, sharing, ofCaller, weights, seconds }), job => job is null ? [] : [("jobStarted", job.Id)]);

    /// <summary>Prolongs a lease.</summary>
    /// <returns>True where the job still belongs to this epoch and was not asked to stop.</returns>
    public bool Renew(string id, long epoch, TimeSpan lease) =>
        database.Write(connection => connection.QuerySingleOrDefault<bool?>(
            $"UPDATE jobs SET lease_until = {Now} + @lease WHERE {Held} RETURNING cancel_requested",
            new { id, epoch, lease = (long)lease.TotalMilliseconds }) == false);

    /// <summary>Stores a job's progress.</summary>
    /// <returns>The job's new version; null where it no longer belongs to this epoch.</returns>
    public long? Report(string id, long epoch, string progress) =>
        database.Write(connection => connection.QuerySingleOrDefault<long?>(
            $"UPDATE jobs SET progress = @progress, version = version + 1 WHERE {Held} RETURNING version", new { id, epoch, progress }));

    /// <summary>Stores the newest checkpoint of a job. One that is further than the last clears the job of the starts that were lost before.</summary>
    /// <param name="id">The job.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="file">The checkpoint's file.</param>
    /// <param name="hash">Its SHA-256.</param>
    /// <param name="steps">Steps done.</param>
    /// <returns>True where the job still belongs to this epoch.</returns>
    public bool SaveCheckpoint(string id, long epoch, string file, string hash, int steps) =>
        database.Write(connection => connection.Execute(
            $"""
            UPDATE jobs SET
                stalls = CASE WHEN @steps > checkpoint_steps THEN 0 ELSE stalls END,
                checkpoint = @file, checkpoint_hash = @hash, checkpoint_steps = @steps
            WHERE {Held}
            """,
            new { id, epoch, file, hash, steps }) == 1);

    /// <summary>Running to succeeded; not where it was asked to stop.</summary>
    /// <param name="id">The job.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="result">A <see cref="JobResult"/> as JSON.</param>
    /// <param name="warnings">The warnings, a list of sentences as JSON.</param>
    /// <param name="bytes">Bytes of its artefacts.</param>
    public bool Succeed(string id, long epoch, string result, string warnings = "[]", long bytes = 0) =>
        Finish(
            "state = 'succeeded', result = @text, warnings = @warnings, bytes = bytes + @bytes", Held + " AND NOT cancel_requested",
            ("jobSucceeded", id), id, epoch, result, warnings, bytes);

    /// <summary>Running to failed.</summary>
    public bool Fail(string id, long epoch, string error) =>
        Finish("state = 'failed', error = @text", Held, (AuditTrail.JobFailed, Failed(id, error)), id, epoch, error);

    /// <summary>Running to cancelled, where that was requested.</summary>
    public bool Cancelled(string id, long epoch) =>
        Finish("state = 'cancelled'", Held + " AND cancel_requested", (Cancellation, id), id, epoch, null);

    /// <summary>Running back to queued, as if it had not started, with its progress; to cancelled where that was requested.</summary>
    /// <param name="id">The job.</param>
    /// <param name="epoch">Its epoch.</param>
    public bool Release(string id, long epoch) =>
        Recorded(connection => connection.QuerySingleOrDefault<string>(
            $"""
            UPDATE jobs SET
                state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,
                finished = CASE WHEN cancel_requested THEN {Now} END, expires = CASE WHEN cancel_requested THEN {_expiry} END,
                attempts = attempts - 1, stalls = MAX(stalls - 1, 0), version = version + 1, lease_owner = NULL, lease_until = NULL
            WHERE {Held}
            RETURNING state
            """,
            new { id, epoch }), state => state is null ? [] : [(state == "queued" ? Requeue : Cancellation, id)]) is not null;

    /// <summary>Cancels a waiting job at once, or asks for a running one to stop.</summary>
    /// <returns>The job; null when it is final or unknown.</returns>
    public JobRow? Cancel(string id) =>
        database.Write(connection => Row(
            connection,
            $"""
            UPDATE jobs SET
                cancel_requested = 1, version = version + 1,
                finished = CASE WHEN state = 'queued' THEN {Now} END, expires = CASE WHEN state = 'queued' THEN {_expiry} END,
                state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
            WHERE id = @id AND state IN ('queued', 'running')
            RETURNING *
            """,
            new { id }));

    /// <summary>Deletes a final job.</summary>
    /// <param name="id">The job.</param>
    /// <param name="byAge">True where no request asked for it.</param>
    /// <returns>True where it existed and was final.</returns>
    public bool Delete(string id, bool byAge = false)
    {
        bool deleted = Recorded(
            connection => connection.Execute($"DELETE FROM jobs WHERE id = @id AND {IsFinal}", new { id }) == 1,
            gone => gone && byAge ? [("jobExpired", id)] : []);
        if (deleted) database.TruncateSoon();
        return deleted;
    }

    /// <summary>Changes for how long a job is kept.</summary>
    /// <param name="id">The job.</param>
    /// <param name="days">Days from now, or from its end where it is not final.</param>
    /// <returns>The job; null where it is unknown.</returns>
    public JobRow? Retain(string id, int days) =>
        database.Write(connection => Row(
            connection,
            $"""
            UPDATE jobs SET
                retain = @days, expiry_warned = 0, version = version + 1, expires = CASE WHEN {IsFinal} THEN {Now} + @days * 86400000 END
            WHERE id = @id
            RETURNING *
            """,
            new { id, days }));

    /// <summary>Final jobs whose time is over. Those of before retention are given theirs first. Copies of older schemas that are as old go at once.</summary>
    public IReadOnlyList<JobRow> Expired()
    {
        database.DeleteCopies(options.Value.KeepResults);
        return database.Write(connection =>
        {
            connection.Execute($"UPDATE jobs SET expires = {_expiry} WHERE expires IS NULL AND {IsFinal}");
            return Rows(connection, $"SELECT * FROM jobs WHERE expires < {Now} ORDER BY expires LIMIT 1000", new { });
        });
    }

    /// <summary>
    /// Final jobs that must go so that all final jobs together have at most so many bytes: each the oldest of the caller that has most. Those with a time of
    /// their own (<c>retain</c>) go last.
    /// </summary>
    public IReadOnlyList<string> Beyond(long bytes)
    {
        using SqliteConnection connection = database.Open();
        List<(string Id, string Caller, long Bytes, bool Retained)> jobs = connection.Query<(string, string, long, bool)>(
            $"SELECT id, caller, bytes, retain IS NOT NULL FROM jobs WHERE {IsFinal} AND typeof(bytes) = 'integer' ORDER BY finished, id").AsList();
        long all = jobs.Sum(job => job.Bytes);
        var going = new List<string>();
        foreach (bool retained in new[] { false, true })
        {
            Dictionary<string, Queue<(string Id, long Bytes)>> oldest = jobs.Where(job => job.Retained == retained)
                .GroupBy(job => job.Caller, job => (job.Id, job.Bytes)).ToDictionary(group => group.Key, group => new Queue<(string, long)>(group));
            Dictionary<string, long> left = oldest.ToDictionary(group => group.Key, group => group.Value.Sum(job => job.Bytes));
            while (all > bytes && left.Count > 0)
            {
                string most = left.MaxBy(caller => caller.Value).Key;
                (string id, long size) = oldest[most].Dequeue();
                going.Add(id);
                all -= size;
                left[most] -= size;
                if (oldest[most].Count == 0) left.Remove(most);
            }
        }

        return going;
    }

    /// <summary>Final jobs whose inputs have been kept long enough.</summary>
    public IReadOnlyList<string> InputsDue(TimeSpan kept)
    {
        using SqliteConnection connection = database.Open();
        return connection.Query<string>(
            $"SELECT id FROM jobs WHERE NOT inputs_deleted AND {IsFinal} AND finished < {Now} - @kept LIMIT 1000",
            new { kept = (long)kept.TotalMilliseconds }).AsList();
    }

    /// <summary>Stores that a job's inputs were deleted.</summary>
    /// <param name="id">The job.</param>
    /// <param name="bytes">Their bytes, which its caller no longer uses.</param>
    public void ForgetInputs(string id, long bytes) => Recorded(
        connection => connection.Execute("UPDATE jobs SET inputs_deleted = 1, bytes = MAX(bytes - @bytes, 0) WHERE id = @id", new { id, bytes }),
        changed => changed == 1 ? [("inputsExpired", id)] : []);

    /// <summary>Warns of the jobs that expire within a time, once each: an event for their listeners and a message to their webhooks.</summary>
    /// <returns>Their ids.</returns>
    public IReadOnlyList<string> WarnOfExpiry(TimeSpan ahead) => database.Write(connection =>
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        List<string> ids = connection.Query<string>(
            $"UPDATE jobs SET expiry_warned = 1, version = version + 1 WHERE NOT expiry_warned AND expires < {Now} + @ahead RETURNING id",
            new { ahead = (long)ahead.TotalMilliseconds }, transaction).AsList();
        connection.Execute("INSERT INTO webhook_messages (job_id, type) VALUES (@id, 'job.expiring')", ids.Select(id => new { id }), transaction);
        transaction.Commit();
        return ids;
    });

    /// <summary>Stores a job whose files were in the quarantine.</summary>
    /// <param name="row">The row that it is to have.</param>
    /// <param name="job">The submission, with what the row does not show.</param>
    /// <returns>False where a job of this id is stored.</returns>
    public bool Adopt(JobRow row, NewJob job) =>
        Recorded(connection => connection.Execute(
            $"""
            INSERT INTO jobs (
                id, state, created, started, finished, expires, epoch, cancel_requested, request, result, error, idempotency_key, body_hash, sharing,
                warnings, retain, bytes, webhook, caller, priority, inputs_deleted)
            SELECT
                @Id, @State, @Created, @Started, @Finished,
                CASE WHEN @Finished IS NOT NULL THEN {ExpiryOf("@Retain", options.Value)} END,
                @Epoch, @CancelRequested, @Request, @Result, @Error,
                CASE WHEN NOT EXISTS (SELECT 1 FROM jobs WHERE idempotency_key = @IdempotencyKey) THEN @IdempotencyKey END,
                @BodyHash, @Sharing, @Warnings, @Retain, @Bytes, @Webhook, @Caller, @Priority, @InputsDeleted
            WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = @Id)
            """,
            new
            {
                row.Id,
                row.State,
                row.Created,
                row.Started,
                row.Finished,
                row.Epoch,
                row.CancelRequested,
                row.Request,
                row.Result,
                row.Error,
                job.IdempotencyKey,
                row.BodyHash,
                row.Sharing,
                row.Warnings,
                job.Retain,
                job.Bytes,
                row.Webhook,
                row.Caller,
                job.Priority,
                row.InputsDeleted,
            }) == 1, adopted => adopted ? [("jobAdopted", row.Id)] : []);

    private static string ExpiryOf(string days, JobOptions options) => $"{Now} + COALESCE({days} * 86400000, {(long)options.KeepResults.TotalMilliseconds})";

    private static JobRow? Row(SqliteConnection connection, string sql, object parameters) =>
        Rows(connection, sql, parameters) is [var row, ..] ? row : null;

    private static IReadOnlyList<JobRow> Rows(SqliteConnection connection, string sql, object parameters) =>
        [.. connection.Query(sql, parameters).Select(row => JobRow.Of((IDictionary<string, object?>)row))];

    private T Ask<T>(string sql, object parameters)
    {
        using SqliteConnection connection = database.Open();
        return connection.QuerySingle<T>(sql, parameters);
    }

    // A change of a job and its record in the audit trail are one transaction.
    private T Recorded<T>(Func<SqliteConnection, T> change, Func<T, IEnumerable<(string Action, string? Object)>> records) => database.Write(connection =>
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        T made = change(connection);
        foreach ((string action, string? target) in records(made)) audit.Append(connection, action, target);
        transaction.Commit();
        return made;
    });

    private static string Failed(string id, string error)
    {
        try
        {
            return $"{id}/{JsonSerializer.Deserialize<JobError>(error, ApiJson.Options)?.Code}";
        }
        catch (JsonException)
        {
            return id;
        }
    }

    private bool Finish(
        string change, string condition, (string, string?) record, string id, long epoch, string? text, string? warnings = null, long bytes = 0) =>
        Recorded(connection => connection.Execute(
            $"UPDATE jobs SET {change}, finished = {Now}, expires = {_expiry}, version = version + 1, lease_owner = NULL, lease_until = NULL WHERE {condition}",
            new { id, epoch, text, warnings, bytes }) == 1, changed => changed ? [record] : []);
}
