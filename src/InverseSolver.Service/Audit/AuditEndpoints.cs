using InverseSolver.Service.Access;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace InverseSolver.Service.Audit;

/// <summary>The audit trail over HTTP.</summary>
internal static class AuditEndpoints
{
    private const int Most = 1000;

    /// <summary>Maps the endpoint.</summary>
    public static void MapAudit(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/audit", Read).WithName("readAudit").WithTags("Audit").Needs(Scope.Admin).ProducesErrors();

    /// <summary>Reads the audit trail, the oldest records first.</summary>
    /// <remarks>
    /// A record is `seq`, `time` (unix milliseconds), `account`, `action` (the name of an operation of this document, or what the service did by itself),
    /// `object`, `outcome` (the status), `address`, `trace`,
    /// and the HMAC `mac` over all of it and the record before. Keep `head` elsewhere: `inverse audit verify` then finds what was cut off.
    /// </remarks>
    /// <param name="after">Only records with a greater number.</param>
    /// <param name="limit">Records a page, 1 to 1000.</param>
    /// <response code="200">A page.</response>
    private static Ok<AuditPage> Read(HttpContext http, [FromServices] AuditTrail trail, long after = 0, int limit = 200)
    {
        if (limit is < 1 or > Most)
        {
            throw new RequestException(StatusCodes.Status400BadRequest, "outOfRange", "limit", $"The limit must be from 1 to {Most} records.");
        }

        http.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.Ok(new AuditPage(trail.Read(after, limit), trail.Head()));
    }
}
