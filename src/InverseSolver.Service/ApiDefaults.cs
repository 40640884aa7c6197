using InverseSolver.Imaging;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Documentation;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service;

/// <summary>The common setup of all endpoints.</summary>
internal static class ApiDefaults
{
    /// <summary>Adds JSON, limits, errors, access rules and Swagger.</summary>
    public static void AddApiDefaults(this WebApplicationBuilder builder)
    {
        ConfigurationKeys.Check(builder.Configuration);
        ConfigurationKeys.CheckEnvironment(Environment.GetEnvironmentVariables().Keys.OfType<string>());
        ListenRule.Check(builder.Configuration);
        LogPrivacy.Add(builder.Services);
        builder.AddAccess();
        IServiceCollection services = builder.Services;
        services.AddSingleton(static provider =>
            new HostRule(HostRule.Names(provider.GetRequiredService<IConfiguration>()), provider.GetRequiredService<ILogger<HostRule>>()));
        // ASP.NET Core's rule tells neither the caller nor the log the reason of a refusal.
        services.Configure<HostFilteringOptions>(hosts => hosts.AllowedHosts = ["*"]);
        services.AddOptions<LimitOptions>().BindConfiguration(LimitOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>();
        services.AddOptions<FormatOptions>().BindConfiguration(FormatOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<FormatOptions>, FormatOptionsValidator>();
        services.AddSingleton(static provider =>
        {
            FormatOptions formats = provider.GetRequiredService<IOptions<FormatOptions>>().Value;
            return new FormatReader(formats.Limits, formats.Processes > 0 ? formats.Processes : Math.Clamp(Environment.ProcessorCount, 2, 4));
        });
        services.AddOptions<OperatorOptions>().BindConfiguration(OperatorOptions.Section);
        services.ConfigureHttpJsonOptions(json => ApiJson.Configure(json.SerializerOptions));
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddExceptionHandler<ErrorMap>();
        services.AddSingleton<UploadMemory>().AddSingleton<UploadReader>().AddSingleton<UploadGate>();
        services.AddSingleton<ConnectionGuard>();
        services.AddResponseCompression(static compression =>
        {
            // No answer holds a secret that its length could give away.
            compression.EnableForHttps = true;
            compression.MimeTypes = ["application/json", "text/plain", "text/html", "text/css", "text/javascript"];
        });
        services.AddApiDocumentation();
        builder.WebHost.ConfigureKestrel((context, kestrel) =>
        {
            LimitOptions limits = context.Configuration.GetSection(LimitOptions.Section).Get<LimitOptions>() ?? new LimitOptions();
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Math.Max(limits.RequestBytes, limits.JsonBytes) + 64 * 1024;
            kestrel.Limits.MinRequestBodyDataRate = limits.BodyBytesPerSecond > 0 ? new MinDataRate(limits.BodyBytesPerSecond, TimeSpan.FromSeconds(10)) : null;
            // Connections are bounded by the guard, which knows whose they are.
            kestrel.Limits.MaxConcurrentConnections = null;
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
            kestrel.Limits.Http2.MaxStreamsPerConnection = 32;
            kestrel.ConfigureEndpointDefaults(endpoint =>
                endpoint.Use(next => connection => kestrel.ApplicationServices.GetRequiredService<ConnectionGuard>().ServeAsync(connection, next)));
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });
    }

    /// <summary>Puts the common parts of the pipeline in order.</summary>
    public static void UseApiDefaults(this WebApplication app)
    {
        app.UseForwardedHeaders();
        app.Use(SecurityHeaders.Add);
        app.UseExceptionHandler(static _ => { });
        app.Use(app.Services.GetRequiredService<ConnectionGuard>().AnswerAsync);
        app.UseStatusCodePages(ErrorMap.WriteBareAsync);
        app.Use(app.Services.GetRequiredService<HostRule>().Check);
        app.Use(AnswerHead);
        // Artefacts are served in ranges of bytes that never change, most of them compressed already.
        app.UseWhen(
            static http => http.Request.Path.Value?.Contains("/artefacts/", StringComparison.Ordinal) != true,
            static branch => branch.UseResponseCompression());
        app.UseRouting();
        app.UseCors();
        app.Use(CrossSiteRule.Check);
        app.Use(QueryRule.Check);
        if (app.Services.GetRequiredService<IOptions<AccessOptions>>().Value.Swagger) app.UseApiDocumentation();
        app.Use(AuditRule.Watch);
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
    }

    // HEAD is answered like GET, without the body (RFC 9110, section 9.3.2), except for event streams, whose body never ends.
    private static async Task AnswerHead(HttpContext http, RequestDelegate next)
    {
        if (!HttpMethods.IsHead(http.Request.Method) || http.Request.Path.Value?.EndsWith("/events", StringComparison.Ordinal) == true)
        {
            await next(http);
            return;
        }

        Stream body = http.Response.Body;
        http.Request.Method = HttpMethods.Get;
        http.Response.Body = Stream.Null;
        try
        {
            await next(http);
        }
        finally
        {
            http.Request.Method = HttpMethods.Head;
            http.Response.Body = body;
        }
    }

    /// <summary>Documents the errors that a handler answers with; 400 to an unknown host or query parameter is every handler's.</summary>
    public static RouteHandlerBuilder ProducesErrors(this RouteHandlerBuilder route, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in (int[])[StatusCodes.Status400BadRequest, .. statuses])
        {
            route.Produces<ApiError>(status, ApiError.ContentType);
        }

        return route;
    }
}
