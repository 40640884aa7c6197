using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>
/// Prevents pages of other sites from changing anything through a browser: forms and multipart requests are sent without a preflight, so that CORS alone does
/// not stop them. Pages of the origins that <c>Access:Origins</c> lists may send requests and read answers, by a key or token of theirs.
/// </summary>
internal static class CrossSiteRule
{
    /// <summary>Adds CORS for the origins that are allowed.</summary>
    /// <exception cref="StartRefusedException">One of them is no origin.</exception>
    public static void AddOrigins(this IServiceCollection services, IConfiguration configuration)
    {
        string[] origins = AccessOptions.List(configuration[$"{AccessOptions.Section}:{nameof(AccessOptions.Origins)}"]);
        if (origins.FirstOrDefault(origin => !IsOrigin(origin)) is { } wrong)
        {
            throw new StartRefusedException($"Access:Origins: {wrong} is not an origin; https://viewer.example.org is one: scheme, name and port, no path.", 2);
        }

        services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins(origins)
            .WithMethods("GET", "POST", "PUT", "DELETE")
            .WithHeaders("Accept", "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer", "Range", "If-None-Match", ApiKeys.Header)
            .WithExposedHeaders("Content-Disposition", "Content-Range", "ETag", "Location", "Retry-After")
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
    }

    /// <summary>Refuses changing requests from pages of other sites. Programs send none of these headers, and no cookie.</summary>
    public static Task Check(HttpContext http, RequestDelegate next)
    {
        HttpRequest request = http.Request;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method) || IsOwn(request))
        {
            return next(http);
        }

        string origin = request.Headers.Origin.ToString();
        return AccessOptions.List(http.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.Origins).Contains(origin)
            ? next(http)
            : throw new RequestException(
                StatusCodes.Status403Forbidden, "crossSite", "Origin",
                "Pages of other sites may not send requests to this service; Access:Origins lists those that may.");
    }

    /// <summary>True where no page sent a request, or a page of this address did.</summary>
    public static bool IsOwn(HttpRequest request)
    {
        string site = request.Headers["Sec-Fetch-Site"].ToString();
        string origin = request.Headers.Origin.ToString();
        return site.Length > 0 ? site is "same-origin" or "none"
            : origin.Length == 0
            || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.GetLeftPart(UriPartial.Authority) == text;
}
