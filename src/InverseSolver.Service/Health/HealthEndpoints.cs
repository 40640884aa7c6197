using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Models;
using InverseSolver.Service.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Health;

/// <summary>The health of the service.</summary>
/// <param name="Status"><c>live</c>, <c>ready</c> or <c>notReady</c>.</param>
/// <param name="Checks">
/// The results of the checks: <c>ok</c> or <c>failed</c>; the log has the cause. <c>arithmetic</c> is <c>ok</c>, <c>mended</c> (a fault of oneDNN was
/// corrected) or a warning: results are right, but slow. <c>webhooks</c> counts the messages that are to be sent and those that were given up.
/// </param>
internal sealed record HealthReport(string Status, IReadOnlyDictionary<string, string> Checks);

/// <summary>Health over HTTP.</summary>
internal static partial class HealthEndpoints
{
    /// <summary>Maps the endpoints.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder health = app.MapGroup("/health").WithTags("Health");
        health.MapGet("live", Live).WithName("live");
        health.MapGet("ready", Ready).WithName("ready").Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>Answers while the process runs.</summary>
    /// <response code="200">The process runs.</response>
    private static Ok<HealthReport> Live() => TypedResults.Ok(new HealthReport("live", new Dictionary<string, string>()));

    /// <summary>Reports whether jobs can be accepted and solved.</summary>
    /// <response code="200">Jobs can be accepted and solved.</response>
    /// <response code="503">They cannot; the checks name the part that failed.</response>
    private static Results<Ok<HealthReport>, JsonHttpResult<HealthReport>> Ready(
        [FromServices] JobStore store, [FromServices] WebhookStore webhooks, [FromServices] ModelCatalog catalog, [FromServices] ILogger<HealthReport> log)
    {
        var checks = new Dictionary<string, string>
        {
            ["store"] = Check(() => store.CountQueued()),
            ["models"] = Check(() => catalog.Models.Count > 0 ? 0 : throw new InvalidOperationException("There is no usable model (Models:Folders).")),
            ["imaging"] = Check(() => ImageFile.WritePng(new Image(1, 1, 1, [0f])).Length),
            ["libtorch"] = Check(() => Backend.Threads),
        };
        bool ready = checks.Values.All(result => result == "ok");

        // A slow service is ready: jobs are solved.
        checks["arithmetic"] = Arithmetic.Warning ?? (Arithmetic.Verify() == ArithmeticOutcome.Mended ? "mended" : "ok");
        if (checks["store"] == "ok")
        {
            (long pending, long dead) = webhooks.Count();
            checks["webhooks"] = $"{pending} pending, {dead} dead";
        }

        return ready
            ? TypedResults.Ok(new HealthReport("ready", checks))
            : TypedResults.Json(new HealthReport("notReady", checks), statusCode: StatusCodes.Status503ServiceUnavailable);

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
