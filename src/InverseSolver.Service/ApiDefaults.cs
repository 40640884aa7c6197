using InverseSolver.Service.Access;
using InverseSolver.Service.Documentation;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service;

/// <summary>What all endpoints have in common.</summary>
internal static class ApiDefaults
{
    /// <summary>Adds JSON, limits, errors, access rules and Swagger.</summary>
    public static void AddApiDefaults(this WebApplicationBuilder builder)
    {
        ListenRule.Check(builder.Configuration);
        IServiceCollection services = builder.Services;
        services.AddOptions<LimitOptions>().BindConfiguration(LimitOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>();
        services.AddOptions<OperatorOptions>().BindConfiguration(OperatorOptions.Section);
        services.ConfigureHttpJsonOptions(json => ApiJson.Configure(json.SerializerOptions));
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddExceptionHandler<ErrorMap>();
        services.AddSingleton<UploadReader>().AddSingleton<UploadGate>().AddSingleton<FileDecoder>();
        services.AddApiDocumentation();
        builder.WebHost.ConfigureKestrel((context, kestrel) =>
        {
            LimitOptions limits = context.Configuration.GetSection(LimitOptions.Section).Get<LimitOptions>() ?? new LimitOptions();
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Math.Max(limits.RequestBytes, limits.JsonBytes) + 64 * 1024;
            kestrel.Limits.MaxConcurrentConnections = 1000;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });
    }

    /// <summary>Puts the common parts of the pipeline in order.</summary>
    public static void UseApiDefaults(this WebApplication app)
    {
        app.UseExceptionHandler(static _ => { });
        app.UseStatusCodePages(ErrorMap.WriteBareAsync);
        app.Use(CrossSiteRule.Check);
        app.UseApiDocumentation();
    }

    /// <summary>Documents the errors that a handler answers with.</summary>
    public static RouteHandlerBuilder ProducesErrors(this RouteHandlerBuilder route, params ReadOnlySpan<int> statuses)
    {
        foreach (int status in statuses)
        {
            route.Produces<ApiError>(status, ApiError.ContentType);
        }

        return route;
    }
}
