namespace InverseSolver.Service.Access;

/// <summary>
/// Prevents pages of other sites from changing anything through a browser: forms and multipart requests are sent without a preflight, so that CORS alone does
/// not stop them.
/// </summary>
internal static class CrossSiteRule
{
    /// <summary>Refuses changing requests from pages of other sites. Programs send none of these headers.</summary>
    public static Task Check(HttpContext http, RequestDelegate next)
    {
        HttpRequest request = http.Request;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            return next(http);
        }

        string site = request.Headers["Sec-Fetch-Site"].ToString();
        string origin = request.Headers.Origin.ToString();
        bool same = site.Length > 0
            ? site is "same-origin" or "none"
            : origin.Length == 0
            || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
        return same
            ? next(http)
            : throw new RequestException(StatusCodes.Status403Forbidden, "crossSite", "Origin", "Pages of other sites may not send requests to this service.");
    }
}
