using System.ComponentModel.DataAnnotations;
using Dapper;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>The quotas of accounts: those of the configuration (<see cref="CallerOptions"/>), and those that an administrator gave to one account.</summary>
internal sealed class Quotas(JobDatabase database, IOptions<CallerOptions> options)
{
    /// <summary>Maps the endpoints.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        RouteGroupBuilder quotas = app.MapGroup("/v1/quotas").WithTags("Quotas");
        quotas.MapGet("", List).WithName("listQuotas").Needs(Scope.Admin).ProducesErrors();
        quotas.MapPut("", Set).WithName("setQuota").Accepts<QuotaRequest>("application/json").Needs(Scope.Admin).ProducesErrors(413, 422);
    }

    /// <summary>The quota that holds for a caller.</summary>
    public Quota Of(string caller)
    {
        using SqliteConnection connection = database.Open();
        return (connection.QuerySingleOrDefault<Row>("SELECT * FROM quotas WHERE caller = @caller", new { caller }) ?? new Row { Caller = caller })
            .ToQuota(options.Value);
    }

    /// <summary>Lists quotas and their use.</summary>
    /// <remarks>Accounts that have jobs, had some within 24 hours, or have a quota of their own.</remarks>
    /// <response code="200">The accounts.</response>
    private static Ok<QuotaList> List([FromServices] Quotas quotas) => TypedResults.Ok(quotas.All());

    private QuotaList All()
    {
        using SqliteConnection connection = database.Open();
        IEnumerable<Row> rows = connection.Query<Row>(
            """
            SELECT callers.caller, weight, quotas.waiting, running, seconds, quotas.bytes,
                COALESCE(jobs.waiting, 0) AS waiting_now, COALESCE(jobs.alive, 0) AS running_now, COALESCE(jobs.bytes, 0) AS bytes_now,
                COALESCE((SELECT SUM(usage.seconds) FROM usage
                    WHERE usage.caller = callers.caller AND hour > CAST(unixepoch() / 3600 AS INTEGER) - 24), 0.0) AS seconds_now
            FROM (SELECT caller FROM jobs UNION SELECT caller FROM usage UNION SELECT caller FROM quotas) AS callers
            LEFT JOIN quotas ON quotas.caller = callers.caller
            LEFT JOIN (
                SELECT caller, SUM(state = 'queued') AS waiting, SUM(state = 'running') AS alive, SUM(bytes) AS bytes FROM jobs GROUP BY caller)
                AS jobs ON jobs.caller = callers.caller
            ORDER BY callers.caller
            """);
        return new QuotaList([.. rows.Select(row => row.ToQuota(options.Value))]);
    }

    /// <summary>Gives an account quotas of its own.</summary>
    /// <remarks>They hold for the next submission and the next job that starts. Members that are left out are those of the configuration (`Callers`).</remarks>
    /// <response code="200">The quotas that hold now.</response>
    private static async Task<Ok<Quota>> Set(HttpContext http, [FromServices] Quotas quotas, [FromServices] UploadReader reader)
    {
        using Upload<QuotaRequest> upload = await reader.ReadAsync<QuotaRequest>(http.Request, http.Account().Caller, [], http.RequestAborted);
        QuotaRequest request = upload.Request;
        RequestChecks.CheckRanges(request);
        string caller = new Account(request.Account, request.Tenant, new HashSet<string>()).Caller;
        AuditRule.Name(http, caller);
        return TypedResults.Ok(quotas.Keep(new Row
        {
            Caller = caller,
            Weight = request.Weight,
            Waiting = request.Waiting,
            Running = request.Running,
            Seconds = request.SolverSecondsPerDay,
            Bytes = request.Bytes,
        }));
    }

    private Quota Keep(Row row)
    {
        database.Write(connection => connection.Execute(
            "INSERT OR REPLACE INTO quotas (caller, weight, waiting, running, seconds, bytes) "
                + "VALUES (@Caller, @Weight, @Waiting, @Running, @Seconds, @Bytes)", row));
        return Of(row.Caller);
    }

    private sealed class Row
    {
        public string Caller { get; init; } = "";

        public double? Weight { get; init; }

        public int? Waiting { get; init; }

        public int? Running { get; init; }

        public double? Seconds { get; init; }

        public long? Bytes { get; init; }

        public int WaitingNow { get; init; }

        public int RunningNow { get; init; }

        public double SecondsNow { get; init; }

        public long BytesNow { get; init; }

        public Quota ToQuota(CallerOptions defaults) => new(
            Access.Account.NameOf(Caller), Access.Account.TenantOf(Caller),
            Weight ?? (defaults.Weights.TryGetValue(Caller, out double weight) ? weight : 1), Waiting ?? defaults.Waiting, Running ?? defaults.Running,
            Seconds ?? defaults.SolverSecondsPerDay, Bytes ?? defaults.Bytes, new QuotaUse(WaitingNow, RunningNow, SecondsNow, BytesNow));
    }
}

/// <summary>The quotas of an account, and its use of them.</summary>
/// <param name="Account">The account; without authentication the address.</param>
/// <param name="Tenant">The account's tenant; empty where there is only one.</param>
/// <param name="Weight">Its share of the solving time: with 2 it gets twice as much as with 1.</param>
/// <param name="Waiting">Jobs that may wait. 0: no limit.</param>
/// <param name="Running">Jobs that run at once. 0: no limit.</param>
/// <param name="SolverSecondsPerDay">Seconds of solving in 24 hours. 0: no limit.</param>
/// <param name="Bytes">Bytes of its jobs, their inputs and results. 0: no limit.</param>
/// <param name="Used">Its use at this moment.</param>
internal sealed record Quota(
    string Account, string Tenant, double Weight, int Waiting, int Running, double SolverSecondsPerDay, long Bytes, QuotaUse Used);

/// <summary>An account's use of its quotas.</summary>
/// <param name="Waiting">Jobs that wait.</param>
/// <param name="Running">Jobs that run.</param>
/// <param name="SolverSeconds">Seconds of solving within 24 hours, those of running jobs not included.</param>
/// <param name="Bytes">Bytes of its jobs.</param>
internal sealed record QuotaUse(int Waiting, int Running, double SolverSeconds, long Bytes);

/// <summary>The quotas of accounts.</summary>
/// <param name="Items">The accounts by name.</param>
internal sealed record QuotaList(IReadOnlyList<Quota> Items);

/// <summary>Quotas of one account.</summary>
internal sealed record QuotaRequest : IRequestWithFiles
{
    /// <summary>The account, as `GET /v1/quotas` and the keys name it: 1 to 200 characters without a slash.</summary>
    [RegularExpression("[^/\\x00-\\x20]{1,200}", ErrorMessage = "It must have 1 to 200 characters, and no slash, space or control character.")]
    [MinLength(1, ErrorMessage = "It must have 1 to 200 characters, and no slash, space or control character.")]
    public required string Account { get; init; }

    /// <summary>The account's tenant; absent or empty where there is only one.</summary>
    [RegularExpression("[^/\\x00-\\x20]{0,200}", ErrorMessage = "It must have at most 200 characters, and no slash, space or control character.")]
    public string Tenant { get; init; } = "";

    /// <summary>Its share of the solving time, 0.01 to 100; absent: the configuration's.</summary>
    [Range(0.01, 100)] public double? Weight { get; init; }

    /// <summary>Jobs that may wait, 0 to 100000. 0: no limit; absent: the configuration's.</summary>
    [Range(0, 100_000)] public int? Waiting { get; init; }

    /// <summary>Jobs that run at once, 0 to 1000. 0: no limit; absent: the configuration's.</summary>
    [Range(0, 1000)] public int? Running { get; init; }

    /// <summary>Seconds of solving in 24 hours. 0: no limit; absent: the configuration's.</summary>
    [Range(0, 1e9)] public double? SolverSecondsPerDay { get; init; }

    /// <summary>Bytes of its jobs, their inputs and results. 0: no limit; absent: the configuration's.</summary>
    [Range(0, 1L << 53)] public long? Bytes { get; init; }

    /// <inheritdoc/>
    [System.Text.Json.Serialization.JsonIgnore]
    public IReadOnlyDictionary<string, string?> DataUris { get; } = new Dictionary<string, string?>();
}
