using System.Text.RegularExpressions;
using InverseSolver.Service.Access;
using Microsoft.AspNetCore.Routing;

namespace InverseSolver.Service.Audit;

/// <summary>
/// Records every request that changes something or downloads a file, refused ones too, those of unknown senders up to a number. The record is on the disk
/// before the answer leaves: what cannot be recorded is not answered.
/// </summary>
internal static partial class AuditRule
{
    // They change nothing that lasts.
    private static readonly string[] Passing = ["estimateJob", "simulateMeasurement"];

    private static readonly string[] Downloads = ["getArtefact", "getArtefactsZip", "listenToJob"];

    /// <summary>Watches a request that was routed to an endpoint of the API.</summary>
    /// <param name="http">The request.</param>
    /// <param name="next">Answers it.</param>
    public static Task Watch(HttpContext http, RequestDelegate next)
    {
        string? action = http.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName;
        bool isChange = !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method);
        if (action is null || Passing.Contains(action) || !(isChange || Downloads.Contains(action))) return next(http);

        // An error takes the route's values away.
        string? named = http.GetRouteValue("id") is string id ? http.GetRouteValue("name") is string file ? $"{id}/{file}" : id : null;
        http.Response.OnStarting(() =>
        {
            string? location = http.Response.StatusCode < 300 && http.Response.Headers.Location.ToString() is { Length: > 0 } made ? made.Split('/')[^1] : null;
            bool isKnown = http.User.Identity?.IsAuthenticated == true;
            var record = new AuditRecord
            {
                Time = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                Account = isKnown ? http.Account().Caller : "",
                Action = action,
                Object = Short(named ?? location),
                Outcome = http.Response.StatusCode,
                Address = $"{http.Connection.RemoteIpAddress}",
                Trace = ErrorMap.TraceId,
            };
            var trail = http.RequestServices.GetRequiredService<AuditTrail>();
            if (isKnown) trail.Add(record);
            else trail.AddOfNobody(record);
            return Task.CompletedTask;
        });
        return next(http);
    }

    // What stands in an address is the sender's, and may be anything.
    private static string? Short(string? text) => text is null || Name().IsMatch(text) ? text : "?";

    [GeneratedRegex("^[A-Za-z0-9._-]{1,100}(/[A-Za-z0-9._-]{1,100})?$")]
    private static partial Regex Name();
}
