using Dapper;
using InverseSolver.Reconstruction.Jobs;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service.Jobs;

/// <summary>A job to store.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Request">A <see cref="StoredRequest"/> as JSON.</param>
/// <param name="IdempotencyKey">The caller's key.</param>
/// <param name="BodyHash">The hash of the request.</param>
/// <param name="Sharing">The model and version whose network calls it may share with other jobs; null where it may not.</param>
/// <param name="Warnings">The warnings on its files, a list of sentences as JSON.</param>
/// <param name="Webhook">The receiver of its messages as JSON; null where it has none.</param>
internal sealed record NewJob(
    string Id, string Request, string? IdempotencyKey, string BodyHash, string? Sharing = null, string? Warnings = null, string? Webhook = null);

/// <summary>
/// The jobs and the queue, which are one table. A claim raises the epoch, and a worker's later writes succeed only while the job is running in that epoch.
/// Times are the database's.
/// </summary>
internal sealed class JobStore(JobDatabase database)
{
    private const string Now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

    private const string Held = "id = @id AND epoch = @epoch AND state = 'running'";

    // SQLite allows one writer at a time; others would sleep, retry, and might fail at the busy timeout. There is no other process.
    private readonly Lock _writing = new();

    /// <summary>Stores a job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="capacity">The most jobs that may wait.</param>
    /// <returns>The job; null when the queue is full or the key is taken.</returns>
    public JobRow? Add(NewJob job, int capacity)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<JobRow>(
            $"""
            INSERT INTO jobs (id, state, created, request, idempotency_key, body_hash, sharing, warnings, webhook)
            SELECT @Id, 'queued', {Now}, @Request, @IdempotencyKey, @BodyHash, @Sharing, @Warnings, @Webhook
            WHERE (SELECT COUNT(*) FROM jobs WHERE state = 'queued') < @capacity
            ON CONFLICT (idempotency_key) DO NOTHING
            RETURNING *
            """,
            new { job.Id, job.Request, job.IdempotencyKey, job.BodyHash, job.Sharing, job.Warnings, job.Webhook, capacity });
    }

    /// <summary>One job.</summary>
    public JobRow? Get(string id)
    {
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE id = @id", new { id });
    }

    /// <summary>The job that was stored under an idempotency key.</summary>
    public JobRow? FindByKey(string key)
    {
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE idempotency_key = @key", new { key });
    }

    /// <summary>Jobs, newest first.</summary>
    /// <param name="state">Only those in this state.</param>
    /// <param name="before">Only those with a lesser id.</param>
    /// <param name="limit">The most jobs.</param>
    public IReadOnlyList<JobRow> List(string? state, string? before, int limit)
    {
        using SqliteConnection connection = database.Open();
        return connection.Query<JobRow>(
            "SELECT * FROM jobs WHERE (@state IS NULL OR state = @state) AND (@before IS NULL OR id < @before) ORDER BY id DESC LIMIT @limit",
            new { state, before, limit }).AsList();
    }

    /// <summary>The number of waiting jobs.</summary>
    public int CountQueued()
    {
        using SqliteConnection connection = database.Open();
        return connection.ExecuteScalar<int>("SELECT COUNT(*) FROM jobs WHERE state = 'queued'");
    }

    /// <summary>The ids of all jobs.</summary>
    public HashSet<string> Ids()
    {
        using SqliteConnection connection = database.Open();
        return [.. connection.Query<string>("SELECT id FROM jobs")];
    }

    /// <summary>Ends the leases of all other workers. Correct only where no other process works on this store.</summary>
    /// <param name="owner">This worker.</param>
    public int ExpireOthers(string owner)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.Execute("UPDATE jobs SET lease_until = 0 WHERE state = 'running' AND lease_owner <> @owner", new { owner });
    }

    /// <summary>Finishes running jobs whose lease ended and that must not run again: cancelled ones, and those lost too often.</summary>
    /// <param name="attempts">The most starts of a job.</param>
    /// <param name="error">The error of the lost ones, a <see cref="JobError"/> as JSON.</param>
    /// <returns>Their ids.</returns>
    public IReadOnlyList<string> FinishLost(int attempts, string error)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.Query<string>(
            $"""
            UPDATE jobs SET
                state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END,
                error = CASE WHEN cancel_requested THEN NULL ELSE @error END,
                finished = {Now}, version = version + 1, epoch = epoch + 1, lease_owner = NULL, lease_until = NULL
            WHERE state = 'running' AND lease_until < {Now} AND (cancel_requested OR attempts >= @attempts)
            RETURNING id
            """,
            new { attempts, error }).AsList();
    }

    /// <summary>Claims the next job: a waiting one, or a running one whose lease ended.</summary>
    /// <param name="owner">The claiming worker.</param>
    /// <param name="lease">The duration of the lease.</param>
    /// <param name="sharing">Claims it only if it may share the calls of this model and version; any other job keeps its place in the queue.</param>
    public JobRow? Claim(string owner, TimeSpan lease, string? sharing = null)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<JobRow>(
            $"""
            UPDATE jobs SET
                state = 'running', started = COALESCE(started, {Now}), progress = NULL, epoch = epoch + 1, attempts = attempts + 1,
                version = version + 1, lease_owner = @owner, lease_until = {Now} + @lease
            WHERE id = (
                SELECT id FROM jobs WHERE state = 'queued' OR (state = 'running' AND lease_until < {Now})
                ORDER BY priority DESC, created, id LIMIT 1)
                AND (@sharing IS NULL OR (sharing = @sharing AND state = 'queued'))
            RETURNING *
            """,
            new { owner, lease = (long)lease.TotalMilliseconds, sharing });
    }

    /// <summary>Prolongs a lease.</summary>
    /// <returns>True where the job still belongs to this epoch and was not asked to stop.</returns>
    public bool Renew(string id, long epoch, TimeSpan lease)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<bool?>(
            $"UPDATE jobs SET lease_until = {Now} + @lease WHERE {Held} RETURNING cancel_requested",
            new { id, epoch, lease = (long)lease.TotalMilliseconds }) == false;
    }

    /// <summary>Stores a job's progress.</summary>
    /// <returns>The job's new version; null where it no longer belongs to this epoch.</returns>
    public long? Report(string id, long epoch, string progress)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<long?>(
            $"UPDATE jobs SET progress = @progress, version = version + 1 WHERE {Held} RETURNING version", new { id, epoch, progress });
    }

    /// <summary>Running to succeeded.</summary>
    /// <param name="id">The job.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="result">A <see cref="JobResult"/> as JSON.</param>
    /// <param name="warnings">The warnings, a list of sentences as JSON.</param>
    public bool Succeed(string id, long epoch, string result, string warnings = "[]") =>
        Finish("state = 'succeeded', result = @text, warnings = @warnings", Held, id, epoch, result, warnings);

    /// <summary>Running to failed.</summary>
    public bool Fail(string id, long epoch, string error) =>
        Finish("state = 'failed', error = @text", Held, id, epoch, error);

    /// <summary>Running to cancelled, where that was requested.</summary>
    public bool Cancelled(string id, long epoch) =>
        Finish("state = 'cancelled'", Held + " AND cancel_requested", id, epoch, null);

    /// <summary>Running back to queued, as if it had not started; to cancelled where that was requested.</summary>
    public bool Release(string id, long epoch)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.Execute(
            $"""
            UPDATE jobs SET
                state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,
                finished = CASE WHEN cancel_requested THEN {Now} END,
                attempts = attempts - 1, progress = NULL, version = version + 1, lease_owner = NULL, lease_until = NULL
            WHERE {Held}
            """,
            new { id, epoch }) == 1;
    }

    /// <summary>Cancels a waiting job at once, or asks for a running one to stop.</summary>
    /// <returns>The job; null when it is final or unknown.</returns>
    public JobRow? Cancel(string id)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.QuerySingleOrDefault<JobRow>(
            $"""
            UPDATE jobs SET
                cancel_requested = 1, version = version + 1,
                finished = CASE WHEN state = 'queued' THEN {Now} END,
                state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
            WHERE id = @id AND state IN ('queued', 'running')
            RETURNING *
            """,
            new { id });
    }

    /// <summary>Deletes a final job.</summary>
    /// <returns>True where it existed and was final.</returns>
    public bool Delete(string id)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.Execute(
            "DELETE FROM jobs WHERE id = @id AND state IN ('succeeded', 'failed', 'cancelled')", new { id }) == 1;
    }

    private bool Finish(string change, string condition, string id, long epoch, string? text, string? warnings = null)
    {
        using Lock.Scope turn = _writing.EnterScope();
        using SqliteConnection connection = database.Open();
        return connection.Execute(
            $"UPDATE jobs SET {change}, finished = {Now}, version = version + 1, lease_owner = NULL, lease_until = NULL WHERE {condition}",
            new { id, epoch, text, warnings }) == 1;
    }
}
