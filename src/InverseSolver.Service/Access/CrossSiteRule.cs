namespace InverseSolver.Service.Access;

/// <summary>
/// A page of another site may not make a browser change anything here: forms and multipart requests are sent without asking first, so
/// CORS alone does not keep them out.
/// </summary>
internal static class CrossSiteRule
{
    /// <summary>Refuses requests that change something and come from another site's page. Programs send none of these headers.</summary>
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
            : origin.Length == 0 || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
        return same
            ? next(http)
            : throw new RequestException(StatusCodes.Status403Forbidden, "crossSite", "Origin", "Pages of other sites may not use this service.");
    }
}
