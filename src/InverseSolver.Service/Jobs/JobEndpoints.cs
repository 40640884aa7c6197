using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Service.Access;
using InverseSolver.Service.Estimates;
using InverseSolver.Service.Events;
using InverseSolver.Service.Storage;
using InverseSolver.Service.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace InverseSolver.Service.Jobs;

/// <summary>Jobs over HTTP.</summary>
internal static partial class JobEndpoints
{
    private static readonly string[] States = [.. Enum.GetNames<JobState>().Select(JsonNamingPolicy.CamelCase.ConvertName)];
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    /// <summary>The parts of jobs that lists leave out.</summary>
    public static IReadOnlyList<string> Parts { get; } = ["request", "result"];

    /// <summary>Adds the store, the queue and the worker.</summary>
    public static IServiceCollection AddJobs(this IServiceCollection services)
    {
        services.AddOptions<JobOptions>().BindConfiguration(JobOptions.Section).ValidateOnStart();
        services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<JobOptions>, JobOptionsValidator>();
        services.AddOptions<CallerOptions>().BindConfiguration(CallerOptions.Section).ValidateOnStart();
        services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<CallerOptions>, CallerOptionsValidator>();
        services.AddSingleton<JobDatabase>().AddSingleton<JobStore>().AddSingleton<JobFolder>().AddSingleton<DiskSpace>().AddHostedService<Retention>();
        services.AddSingleton<JobSignals>().AddSingleton<JobEventFeed>();
        services.AddSingleton<JobSubmission>().AddSingleton<JobClaims>().AddSingleton<JobHeartbeat>().AddSingleton<JobCheckpoints>();
        services.AddSingleton<JobRun>().AddSingleton<JobPerformer>().AddSingleton<SharedJobs>().AddHostedService<JobWorker>();
        services.AddHostedService<ExampleJobs>();
        // The worker bounds its own stop.
        services.Configure<HostOptions>(static host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        WebhookSender.Add(services);
        services.AddSingleton<CallTimeStore>().AddSingleton<JobEstimates>();
        return services;
    }

    /// <summary>Maps the endpoints.</summary>
    public static void MapJobs(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder jobs = app.MapGroup("/v1/jobs").WithTags("Jobs");
        jobs.MapPost("", Submit).WithName("submitJob")
            .Accepts<JobRequest>("application/json", "multipart/form-data")
            .Needs(Scope.Submit).ProducesErrors(408, 413, 415, 422, 429, 503, 507);
        jobs.MapEstimates();
        jobs.MapGet("", List).WithName("listJobs").Needs(Scope.Read).ProducesErrors();
        jobs.MapGet("{id}", Get).WithName("getJob").Needs(Scope.Read).Produces(StatusCodes.Status304NotModified).ProducesErrors(404);
        jobs.MapPost("{id}/cancel", Cancel).WithName("cancelJob").Needs(Scope.Submit).ProducesErrors(404, 409);
        jobs.MapPost("{id}/retain", Retain).WithName("retainJob").Needs(Scope.Submit).ProducesErrors(404);
        jobs.MapDelete("{id}", Delete).WithName("deleteJob").Needs(Scope.Submit).ProducesErrors(404, 409);
        jobs.MapJobEvents();
        EventTickets.Map(jobs);
        jobs.MapArtefacts();
    }

    /// <summary>Queues a reconstruction.</summary>
    /// <remarks>
    /// Send JSON with the files as data URIs, or multipart/form-data with the same JSON as the part `request` and each file as a part of its name
    /// (`measurement`, `mask`, `reference`, ...). Everything that can be checked is checked before the answer; an accepted job survives restarts.
    /// </remarks>
    /// <param name="key">Makes a repeated request safe: the same key with the same content gives the same job.</param>
    /// <param name="prefer">`wait=N` waits up to N seconds, 60 at most, for the job to finish.</param>
    /// <response code="200">Finished within the time of `Prefer: wait`.</response>
    /// <response code="202">Queued; poll the Location header or listen to the events.</response>
    private static async Task<Results<Ok<Job>, Accepted<Job>>> Submit(
        HttpContext http,
        [FromHeader(Name = "Idempotency-Key")] string? key,
        [FromHeader(Name = "Prefer")] string? prefer,
        [FromServices] JobSubmission submission,
        [FromServices] JobStore store,
        [FromServices] JobSignals signals,
        [FromServices] IHostApplicationLifetime lifetime)
    {
        JobRow job = await submission.SubmitAsync(http.Request, key, http.RequestAborted);
        if (Wait(prefer) is { } wait)
        {
            http.Response.Headers["Preference-Applied"] = $"wait={(int)wait.TotalSeconds}";
            job = await WaitAsync(job, wait, store, signals, http.RequestAborted, lifetime.ApplicationStopping);
        }

        http.Response.Headers.Location = $"/v1/jobs/{job.Id}";
        if (job.IsFinal)
        {
            return TypedResults.Ok(job.ToJob());
        }

        http.Response.Headers.RetryAfter = "2";
        return TypedResults.Accepted($"/v1/jobs/{job.Id}", job.ToJob());
    }

    /// <summary>Lists jobs, newest first.</summary>
    /// <remarks>
    /// Filters narrow the list together. `next` of a page is the `cursor` of the following one; it is null on the last. Requests and results of jobs are left
    /// out unless `expand` names them.
    /// </remarks>
    /// <param name="state">Only jobs in this state.</param>
    /// <param name="limit">Jobs a page, 1 to 200.</param>
    /// <param name="cursor">The `next` of the page before.</param>
    /// <param name="model">Only jobs of this model.</param>
    /// <param name="problem">Only jobs of this kind of problem, for example `inpainting`.</param>
    /// <param name="createdFrom">Only jobs that were accepted at this time or later, for example `2026-11-30T08:00:00Z`.</param>
    /// <param name="createdTo">Only jobs that were accepted before this time.</param>
    /// <param name="expand">`request`, `result` or both with a comma: the parts of jobs that lists leave out.</param>
    /// <response code="200">A page of jobs.</response>
    private static Ok<JobPage> List(
        HttpContext http, [FromServices] JobStore store, string? state = null, int limit = 50, string? cursor = null, string? model = null,
        string? problem = null, string? createdFrom = null, string? createdTo = null, string? expand = null)
    {
        string[] parts = (expand ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        long? from = null, to = null;
        RequestException.ThrowAll(
            () => Demand(parts.All(Parts.Contains), "expand", () => Words.NoneOf(parts.Except(Parts).First(), Parts)),
            () => Demand(limit is >= 1 and <= 200, "limit", () => "The limit must be from 1 to 200 jobs.", "outOfRange"),
            () => Demand(state is null || States.Contains(state), "state", () => Words.NoneOf(state, States)),
            () => Demand(
                problem is null || Problem.Kinds.Any(kind => kind.Name == problem), "problem",
                () => Words.NoneOf(problem, Problem.Kinds.Select(kind => kind.Name))),
            () => Demand(cursor is null || Guid.TryParseExact(cursor, "D", out _), "cursor", () => "The cursor is invalid: send the 'next' of a page."),
            () => from = Time(createdFrom, "createdFrom"),
            () => to = Time(createdTo, "createdTo"));

        http.Response.Headers.CacheControl = "private, no-store";
        IReadOnlyList<JobRow> rows = store.List(
            http.Account(), state, cursor, limit + 1, model, problem, from, to);
        return TypedResults.Ok(new JobPage(
            [.. rows.Take(limit).Select(row => row.ToJob(parts.Contains("request"), parts.Contains("result")))],
            rows.Count > limit ? rows[limit - 1].Id : null));
    }

    /// <summary>Shows a job.</summary>
    /// <remarks>
    /// State, progress, and once it succeeded the result with the names of its artefacts. Poll with `If-None-Match`, or listen to `/v1/jobs/{id}/events`
    /// instead.
    /// </remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="200">The job; while it is not final, Retry-After states the time to poll again.</response>
    /// <response code="304">It is the version that If-None-Match names.</response>
    private static Results<Ok<Job>, StatusCodeHttpResult> Get(string id, HttpContext http, [FromServices] JobStore store)
    {
        JobRow job = store.Find(id, http.Account().Manages);
        // The fate of its webhook is no change of the job, so that it has no event.
        string webhook = job.WebhookDelivery is { } delivery ? $"-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(delivery)))[..8]}" : "";
        var version = new EntityTagHeaderValue($"\"{job.Version}{webhook}\"");
        http.Response.Headers.ETag = version.ToString();
        http.Response.Headers.CacheControl = "private, no-store";
        if (http.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag == EntityTagHeaderValue.Any || tag.Compare(version, useStrongComparison: false)))
        {
            return TypedResults.StatusCode(StatusCodes.Status304NotModified);
        }

        if (!job.IsFinal)
        {
            http.Response.Headers.RetryAfter = "2";
        }

        return TypedResults.Ok(job.ToJob());
    }

    /// <summary>Cancels a job.</summary>
    /// <remarks>A waiting job is cancelled at once, a running one at the solver's next step.</remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="200">Cancelled.</response>
    /// <response code="202">Asked to stop.</response>
    private static Results<Ok<Job>, Accepted<Job>> Cancel(
        string id, HttpContext http, [FromServices] JobStore store, [FromServices] JobFolder folder, [FromServices] JobSignals signals)
    {
        store.Find(id, http.Account().Manages);
        if (store.Cancel(id) is not { } job)
        {
            throw new RequestException(StatusCodes.Status409Conflict, "alreadyFinal", null, "The job is already finished.");
        }

        signals.Stop(id);
        signals.Changed(id);
        folder.WriteEnds(store.Ends(id));
        return job.IsFinal ? TypedResults.Ok(job.ToJob()) : TypedResults.Accepted($"/v1/jobs/{id}", job.ToJob());
    }

    /// <summary>Changes for how long a job is kept.</summary>
    /// <remarks>It replaces what the request (`retain`) or the service's option `Jobs:KeepResults` says; the last call counts.</remarks>
    /// <param name="id">The job's id.</param>
    /// <param name="days">Days from now, or from its end where it is not finished: 1 to 36500.</param>
    /// <response code="200">The job; `expires` is the time at which it and its files are deleted.</response>
    private static Ok<Job> Retain(string id, int days, HttpContext http, [FromServices] JobStore store, [FromServices] JobSignals signals)
    {
        if (days is < 1 or > JobRequest.MaxRetain)
        {
            throw new RequestException(StatusCodes.Status400BadRequest, "outOfRange", "days", $"A job is kept for 1 to {JobRequest.MaxRetain} days.");
        }

        store.Find(id, http.Account().Manages);
        JobRow job = store.Retain(id, days) ?? throw RequestException.NotFound("job");
        signals.Changed(id);
        return TypedResults.Ok(job.ToJob());
    }

    /// <summary>Deletes a finished job and its files.</summary>
    /// <remarks>A job that waits or runs is refused with 409: cancel it first. What was deleted cannot be brought back.</remarks>
    /// <param name="id">The job's id.</param>
    /// <response code="204">Deleted.</response>
    private static NoContent Delete(string id, HttpContext http, [FromServices] JobStore store, [FromServices] JobFolder folder)
    {
        if (!store.Find(id, http.Account().Manages).IsFinal)
        {
            throw new RequestException(StatusCodes.Status409Conflict, "notFinal", null, "The job is not finished; cancel it first.");
        }

        // Files first: where the disk is full, the row can then be deleted. A final job does not change any more.
        folder.Delete(id);
        store.Delete(id);
        return TypedResults.NoContent();
    }

    /// <summary>The job of an id from a caller.</summary>
    /// <param name="store">The jobs.</param>
    /// <param name="id">The id.</param>
    /// <param name="may">True where the account has to do with the job; another's job is as if there were none.</param>
    public static JobRow Find(this JobStore store, string id, Func<JobRow, bool> may) =>
        store.Get(id) is { } job && may(job) ? job : throw RequestException.NotFound("job");

    private static void Demand(bool holds, string parameter, Func<string> text, string code = "invalidValue")
    {
        if (!holds) throw new RequestException(StatusCodes.Status400BadRequest, code, parameter, text());
    }

    // RFC 3339 alone: 01.12.2026 has two readings, and a time without a zone as many as there are zones.
    private static long? Time(string? text, string parameter)
    {
        if (text is null) return null;
        Demand(
            Rfc3339().IsMatch(text) & DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset time), parameter,
            () => "It is a time with its zone, as 2026-11-30T08:00:00Z; a + in an address is written %2B.");
        return time.ToUnixTimeMilliseconds();
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")]
    private static partial Regex Rfc3339();

    /// <summary>The wait preference of RFC 7240.</summary>
    private static TimeSpan? Wait(string? prefer)
    {
        foreach (string preference in (prefer ?? "").Split([',', ';'], StringSplitOptions.TrimEntries))
        {
            if (preference.StartsWith("wait=", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(preference.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds > 0)
            {
                return TimeSpan.FromSeconds(Math.Min(seconds, LongestWait.TotalSeconds));
            }
        }

        return null;
    }

    private static async Task<JobRow> WaitAsync(
        JobRow job, TimeSpan wait, JobStore store, JobSignals signals, CancellationToken aborted, CancellationToken stopping)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(aborted, stopping);
        end.CancelAfter(wait);
        while (true)
        {
            Task change = signals.NextChange(job.Id);
            job = store.Get(job.Id) ?? job;
            if (job.IsFinal || end.IsCancellationRequested)
            {
                return job;
            }

            await change.WaitAsync(end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
