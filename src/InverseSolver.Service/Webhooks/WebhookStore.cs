using Dapper;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service.Webhooks;

/// <summary>A stored message.</summary>
internal sealed record WebhookMessage
{
    /// <summary>Its id, the same at each attempt.</summary>
    public string Id { get; init; } = "";

    /// <summary>The job that it is about.</summary>
    public string JobId { get; init; } = "";

    /// <summary>The receiver.</summary>
    public string Url { get; init; } = "";

    /// <summary>The receiver's host and port.</summary>
    public string Host { get; init; } = "";

    /// <summary>The JSON to send.</summary>
    public string Body { get; init; } = "";

    /// <summary>Attempts that failed.</summary>
    public long Attempts { get; init; }
}

/// <summary>Messages that are to be sent, and what became of them. Triggers of the database write them in the transactions of the jobs' changes.</summary>
internal sealed class WebhookStore(JobDatabase database)
{
    private const string Now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

    /// <summary>The messages that are due, oldest first.</summary>
    /// <param name="perHost">The most for one host.</param>
    /// <param name="limit">The most in all.</param>
    public IReadOnlyList<WebhookMessage> Due(int perHost, int limit)
    {
        using SqliteConnection connection = database.Open();
        return connection.Query<WebhookMessage>(
            $"""
            SELECT id, job_id, url, host, body, attempts FROM (
                SELECT *, ROW_NUMBER() OVER (PARTITION BY host ORDER BY next_attempt) AS place
                FROM webhook_deliveries WHERE state = 'pending' AND next_attempt <= {Now})
            WHERE place <= @perHost ORDER BY place, next_attempt LIMIT @limit
            """,
            new { perHost, limit }).AsList();
    }

    /// <summary>Stores an attempt.</summary>
    /// <param name="id">The message.</param>
    /// <param name="state">What became of it.</param>
    /// <param name="error">The reason why the attempt failed; null where it did not.</param>
    /// <param name="delay">The time until the next attempt.</param>
    public void Attempted(string id, WebhookState state, string? error, TimeSpan delay) =>
        database.Write(connection => connection.Execute(
            $"""
            UPDATE webhook_deliveries SET state = @state, attempts = attempts + 1, last_error = @error, next_attempt = {Now} + @delay
            WHERE id = @id AND state = 'pending'
            """,
            new { id, state = state.ToString().ToLowerInvariant(), error, delay = (long)delay.TotalMilliseconds }));

    /// <summary>The number of messages that are to be sent, and of those that were given up.</summary>
    public (long Pending, long Dead) Count()
    {
        using SqliteConnection connection = database.Open();
        return connection.QuerySingle<(long, long)>(
            """
            SELECT (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'), (SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'dead')
            """);
    }
}
