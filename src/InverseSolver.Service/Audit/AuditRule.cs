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

    private const string Unknown = "?", Named = "audited";

    private static readonly string[] Downloads = ["getArtefact", "getArtefactsZip", "listenToJob"];

    /// <summary>Names the object of a request whose address does not.</summary>
    /// <param name="http">The request.</param>
    /// <param name="name">The name, of which there is such a thing.</param>
    public static void Name(HttpContext http, string name) => http.Items[Named] = name;

    /// <summary>Watches a request that was routed to an endpoint of the API.</summary>
    /// <param name="http">The request.</param>
    /// <param name="next">Answers it.</param>
    public static Task Watch(HttpContext http, RequestDelegate next)
    {
        // The issuer's answer to a sign-in has no endpoint: authentication takes it.
        bool isSignIn = http.Request.Path == Sessions.Callback;
        string? action = isSignIn ? "signIn" : http.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName;
        bool isChange = isSignIn || !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method);
        if (action is null || Passing.Contains(action) || !(isChange || Downloads.Contains(action))) return next(http);

        // An error takes the route's values away.
        (string? id, string? file) = (http.GetRouteValue("id") as string, http.GetRouteValue("name") as string);
        http.Response.OnStarting(() =>
        {
            bool isDone = http.Response.StatusCode < StatusCodes.Status400BadRequest;
            string? location = http.Response.StatusCode < 300 && http.Response.Headers.Location.ToString() is { Length: > 0 } made ? made.Split('/')[^1] : null;
            bool isKnown = http.User.Identity?.IsAuthenticated == true;
            var record = new AuditRecord
            {
                Time = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                Account = isKnown ? http.Account().Caller : "",
                Action = action,
                Object = file is null ? Known(id, isDone) ?? location ?? http.Items[Named] as string : $"{Known(id, isDone)}/{(isDone ? file : Unknown)}",
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

    // What stands in an address is the sender's, and may be anything, a patient's name too: it is recorded where there is such a thing, or where it can be no
    // more than the id of a job or a key.
    private static string? Known(string? id, bool exists) => id is null || exists || Id().IsMatch(id) ? id : Unknown;

    [GeneratedRegex("^([0-9a-f]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\\z")]
    private static partial Regex Id();
}
