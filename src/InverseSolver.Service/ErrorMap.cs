using System.Diagnostics;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Service.Access;
using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.AspNetCore.WebUtilities;

namespace InverseSolver.Service;

/// <summary>Maps exceptions to the errors that callers see. Any other exception is <c>internal</c>, without detail.</summary>
internal sealed partial class ErrorMap(ILogger<ErrorMap> log) : IExceptionHandler
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

    /// <inheritdoc/>
    public async ValueTask<bool> TryHandleAsync(HttpContext http, Exception exception, CancellationToken cancellation)
    {
        if (http.RequestAborted.IsCancellationRequested)
        {
            http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return true;
        }

        RequestException error = Explain(exception);
        // A refusal is no fault of the service, whatever its status.
        if (error.Status >= StatusCodes.Status500InternalServerError && exception is not RequestException)
        {
            RequestFailed(log, new LoggedError(exception), MethodOf(http), RouteOf(http), error.Status, error.Code, AccountOf(http), TraceId);
        }
        else
        {
            RequestRefused(log, MethodOf(http), RouteOf(http), error.Status, error.Code, AccountOf(http), TraceId);
        }

        if (error.RetryAfter is { } wait)
        {
            http.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString();
        }

        if (error.Status == StatusCodes.Status401Unauthorized) http.Response.Headers.WWWAuthenticate = "Bearer";
        FieldError[] faults = [.. error.All.Where(fault => fault.Field is not null)
            .Select(fault => new FieldError(fault.Field!, fault.Code, Cut(fault.Message, 1000)))];
        await WriteAsync(http, error.Status, error.Code, error.Field, error.Message, faults);
        return true;
    }

    /// <summary>The body of errors without an exception, such as an unknown path.</summary>
    /// <param name="context">The bare response.</param>
    public static Task WriteBareAsync(StatusCodeContext context)
    {
        (string code, string detail) = context.HttpContext.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => ("notFound", "The address does not exist."),
            StatusCodes.Status405MethodNotAllowed =>
                ("methodNotAllowed", "The method is not allowed at this address; the Allow header lists the allowed methods."),
            StatusCodes.Status413PayloadTooLarge => ("tooLarge", "The request is larger than this service accepts."),
            StatusCodes.Status415UnsupportedMediaType => ("unsupportedMediaType", "Send application/json or multipart/form-data."),
            StatusCodes.Status429TooManyRequests => ("busy", "Too many uploads at once."),
            _ => ("invalidRequest", "The request cannot be answered."),
        };
        HttpContext http = context.HttpContext;
        RequestRefused(
            http.RequestServices.GetRequiredService<ILogger<ErrorMap>>(), MethodOf(http), RouteOf(http), http.Response.StatusCode, code,
            AccountOf(http), TraceId);
        return WriteAsync(http, http.Response.StatusCode, code, null, detail, []);
    }

    /// <summary>The error that a caller sees for an exception.</summary>
    /// <param name="exception">The exception.</param>
    public static RequestException Explain(Exception exception) => exception switch
    {
        RequestException error => error,
        InvalidInputException { Others: [_, ..] others } error => RequestException.Of([
            Explain(new InvalidInputException(error.Field, error.Message) { Code = error.Code }), .. others.Select(Explain)]),
        InvalidInputException error => new(StatusCodes.Status422UnprocessableEntity, error.Code, Cut(error.Field, 100), error.Message),
        InvalidMeasurementException error => new(StatusCodes.Status422UnprocessableEntity, "invalidFile", null, error.Message),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            new(StatusCodes.Status413PayloadTooLarge, "tooLarge", null, "The request is larger than this service accepts."),
        BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } =>
            new(StatusCodes.Status415UnsupportedMediaType, "unsupportedMediaType", null, "Send application/json or multipart/form-data."),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } =>
            new(StatusCodes.Status408RequestTimeout, "tooSlow", null, "The body arrived too slowly (Limits:BodyBytesPerSecond)."),
        BadHttpRequestException error => JsonErrors.ExplainBinding(error),
        InvalidModelException error => new(StatusCodes.Status422UnprocessableEntity, "invalidModel", "model", error.Message),
        ModelUnavailableException error => Explain(error),
        _ when Storage.DiskSpace.IsFull(exception) => new(
            StatusCodes.Status507InsufficientStorage, "insufficientStorage", null,
            "The disk of the service is full: delete jobs that are no longer needed, or try again later.")
        {
            RetryAfter = TimeSpan.FromMinutes(1),
        },
        { IsOutOfMemory: true } => new(StatusCodes.Status503ServiceUnavailable, "outOfMemory", null, "There is not enough memory for this request.")
        {
            RetryAfter = TimeSpan.FromSeconds(30),
        },
        _ => new(StatusCodes.Status500InternalServerError, "internal", null, "The service failed; its log has the cause under the trace id."),
    };

    private static RequestException Explain(ModelUnavailableException error) => error.Reason switch
    {
        Unavailability.Unknown => new(StatusCodes.Status404NotFound, "unknownModel", "model", error.Message),
        Unavailability.Changed => new(StatusCodes.Status409Conflict, "modelChanged", "model", error.Message),
        Unavailability.NoRoom => new(StatusCodes.Status409Conflict, "modelMemoryInUse", "model", error.Message) { RetryAfter = TimeSpan.FromSeconds(30) },
        _ => new(StatusCodes.Status422UnprocessableEntity, "modelTooLarge", "model", error.Message),
    };

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..length];

    private static Task WriteAsync(HttpContext http, int status, string code, string? field, string detail, IReadOnlyList<FieldError> faults)
    {
        http.Response.StatusCode = status;
        var error = new ApiError(
            $"urn:inverse-solver:{code}", ReasonPhrases.GetReasonPhrase(status), status, code, Cut(detail, 1000), field, TraceId, faults);
        return http.Response.WriteAsJsonAsync(error, ApiJson.Options, ApiError.ContentType, http.RequestAborted);
    }

    /// <summary>The current trace id of the log.</summary>
    public static string? TraceId => Activity.Current?.TraceId.ToString();

    // The log has nothing that a sender wrote: templates instead of addresses, and no method of its own invention.
    private static string MethodOf(HttpContext http) => Methods.FirstOrDefault(known => HttpMethods.Equals(known, http.Request.Method)) ?? "another method";

    // An error takes the endpoint away from the request, and a wrong method or type gets none of ours.
    private static string RouteOf(HttpContext http)
    {
        var endpoint = (http.Features.Get<IExceptionHandlerFeature>()?.Endpoint ?? http.GetEndpoint()) as RouteEndpoint
            ?? http.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
                .FirstOrDefault(known => new TemplateMatcher(new RouteTemplate(known.RoutePattern), []).TryMatch(http.Request.Path, []));
        return endpoint?.RoutePattern.RawText?.TrimEnd('/') ?? "no route";
    }

    private static string AccountOf(HttpContext http) => http.User.Identity?.IsAuthenticated == true ? http.Account().Caller : "nobody";

    [LoggerMessage(1, LogLevel.Error, "{Method} {Route} failed with {Status} {Code}; account {Account}, trace {Trace}")]
    private static partial void RequestFailed(
        ILogger log, Exception error, string method, string route, int status, string code, string account, string? trace);

    [LoggerMessage(2, LogLevel.Information, "{Method} {Route} was refused with {Status} {Code}; account {Account}, trace {Trace}")]
    private static partial void RequestRefused(ILogger log, string method, string route, int status, string code, string account, string? trace);
}
