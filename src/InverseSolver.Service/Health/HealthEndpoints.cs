using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Storage;
using InverseSolver.Service.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Health;

/// <summary>The health of the service.</summary>
/// <param name="Status"><c>live</c>, <c>ready</c> or <c>notReady</c>.</param>
/// <param name="Checks">
/// The results of the checks: <c>ok</c> or <c>failed</c>; the log has the cause. <c>arithmetic</c> is <c>ok</c>, <c>mended</c> (a fault of oneDNN was
/// corrected) or a warning: results are right, but slow. <c>disk</c> is <c>ok</c>, <c>low</c> or <c>failed</c>: so little is left that no job is accepted.
/// </param>
/// <param name="Figures">
/// Counts: <c>queued</c> and <c>running</c> jobs, jobs in <c>quarantine</c> (files without a row in the database), <c>freeBytes</c> of the
/// disk, and messages to webhooks that are to be sent (<c>webhooksPending</c>) or were given up (<c>webhooksDead</c>).
/// </param>
internal sealed record HealthReport(string Status, IReadOnlyDictionary<string, string> Checks, IReadOnlyDictionary<string, long> Figures);

/// <summary>Health over HTTP.</summary>
internal static partial class HealthEndpoints
{
    /// <summary>Maps the endpoints.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder health = app.MapGroup("/health").WithTags("Health").AllowAnonymous();
        health.MapGet("live", Live).WithName("live").ProducesErrors();
        health.MapGet("ready", Ready).WithName("ready").Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable).ProducesErrors();
    }

    /// <summary>Answers while the process runs.</summary>
    /// <remarks>It checks nothing: a process that does not answer is to be started again.</remarks>
    /// <response code="200">The process runs.</response>
    private static Ok<HealthReport> Live() => TypedResults.Ok(new HealthReport("live", new Dictionary<string, string>(), new Dictionary<string, long>()));

    /// <summary>Reports whether jobs can be accepted and solved.</summary>
    /// <remarks>
    /// It checks the database, the disk, the models, the codecs and libtorch, and counts jobs. A service that is not ready is to get no requests meanwhile.
    /// </remarks>
    /// <response code="200">Jobs can be accepted and solved.</response>
    /// <response code="503">They cannot; the checks name the part that failed.</response>
    private static Results<Ok<HealthReport>, JsonHttpResult<HealthReport>> Ready(
        [FromServices] JobStore store, [FromServices] JobFolder folder, [FromServices] DiskSpace disk, [FromServices] ModelCatalog catalog,
        [FromServices] WebhookStore webhooks, [FromServices] ILogger<HealthReport> log)
    {
        var figures = new Dictionary<string, long>();
        var checks = new Dictionary<string, string>
        {
            ["store"] = Check(() =>
            {
                (figures["queued"], figures["running"], figures["quarantine"]) = (store.Count("queued"), store.Count("running"), folder.Quarantined().Count);
                (figures["webhooksPending"], figures["webhooksDead"]) = webhooks.Count();
                return 0;
            }),
            ["disk"] = Check(() =>
            {
                figures["freeBytes"] = disk.Free;
                return disk.IsShort ? throw new IOException("The disk of the data folder is nearly full (Jobs:RefuseFreeBytes).") : 0;
            }),
            ["models"] = Check(() => catalog.Models.Count > 0 ? 0 : throw new InvalidOperationException("There is no usable model (Models:Folders).")),
            ["imaging"] = Check(() => ImageFile.WritePng(new Image(1, 1, 1, [0f])).Length),
            ["libtorch"] = Check(() => Backend.Threads),
        };
        bool ready = checks.Values.All(result => result == "ok");

        // A slow service is ready: jobs are solved. So is one whose disk is low: it still takes them.
        if (checks["disk"] == "ok" && disk.IsLow) checks["disk"] = "low";
        checks["arithmetic"] = Arithmetic.Warning ?? (Arithmetic.Verify() == ArithmeticOutcome.Mended ? "mended" : "ok");
        return ready
            ? TypedResults.Ok(new HealthReport("ready", checks, figures))
            : TypedResults.Json(new HealthReport("notReady", checks, figures), statusCode: StatusCodes.Status503ServiceUnavailable);

        string Check(Func<int> probe)
        {
            try
            {
                probe();
                return "ok";
            }
            catch (Exception error)
            {
                NotReady(log, error);
                return "failed";
            }
        }
    }

    [LoggerMessage(2001, LogLevel.Error, "A readiness check failed")]
    private static partial void NotReady(ILogger log, Exception error);
}
