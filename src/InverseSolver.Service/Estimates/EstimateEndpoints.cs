using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace InverseSolver.Service.Estimates;

/// <summary>Estimates over HTTP.</summary>
internal static class EstimateEndpoints
{
    /// <summary>Maps the endpoint.</summary>
    public static void MapEstimates(this IEndpointRouteBuilder jobs) => jobs.MapPost("estimate", Estimate).WithName("estimateJob")
        .Accepts<JobRequest>("application/json", "multipart/form-data")
        .Needs(Scope.Submit).ProducesErrors(408, 413, 415, 422, 429, 503);

    /// <summary>Estimates a reconstruction.</summary>
    /// <remarks>
    /// Takes what `POST /v1/jobs` takes, checks it in the same way with the same errors, and stores nothing. A few steps of the job are tried; where calls of
    /// the model were never timed at this size on this device, it is loaded and timed, once, which takes seconds.
    /// </remarks>
    /// <response code="200">The time and the memory that the job would take.</response>
    private static async Task<Ok<JobEstimate>> Estimate(HttpContext http, [FromServices] JobSubmission submission) =>
        TypedResults.Ok(await submission.EstimateAsync(http.Request, http.RequestAborted));
}
