namespace InverseSolver.Service.Access;

/// <summary>Headers by which browsers keep pages of others away from this service, and what it serves from becoming a page.</summary>
internal static class SecurityHeaders
{
    private const string OfAnswers = "default-src 'none'; frame-ancestors 'none'";

    // Swagger UI has its settings and styles in the page, and evaluates the names of its plugins.
    private const string OfSwagger = "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    /// <summary>Adds them to every answer.</summary>
    public static Task Add(HttpContext http, RequestDelegate next)
    {
        // Late, because an error takes headers away.
        http.Response.OnStarting(() =>
        {
            IHeaderDictionary headers = http.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers.ContentSecurityPolicy = http.Request.Path.StartsWithSegments("/swagger") ? OfSwagger : OfAnswers;
            if (http.Request.IsHttps) headers.StrictTransportSecurity = "max-age=31536000";
            if (headers.CacheControl.Count == 0 && http.Request.Path.StartsWithSegments("/v1")) headers.CacheControl = "no-store";
            return Task.CompletedTask;
        });
        return next(http);
    }
}
