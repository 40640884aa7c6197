using Microsoft.Extensions.Primitives;

namespace InverseSolver.Service.Access;

/// <summary>
/// Requests name a host that the service has. On loopback no page of another site may reach it under a name of its own (DNS rebinding); beyond loopback the names are not known here, so any is taken
/// unless <c>AllowedHosts</c> lists them.
/// </summary>
internal sealed partial class HostRule
{
    private readonly ILogger<HostRule> log;
    private readonly StringSegment[]? allowed;

    /// <summary>Takes the names.</summary>
    /// <param name="names">Hosts without ports; <c>*</c> is any, <c>*.example.org</c> what lies below a name.</param>
    /// <param name="log">Tells of hosts that are refused.</param>
    public HostRule(string[] names, ILogger<HostRule> log)
    {
        this.log = log;
        allowed = names.Any(name => name is "*" or "[::]" or "0.0.0.0") ? null : [.. names.Select(name => new StringSegment(new HostString(name).ToUriComponent()))];
    }

    /// <summary>The names of a configuration: <c>AllowedHosts</c>, separated by semicolons, else what <c>Access:AllowAnonymous</c> implies.</summary>
    public static string[] Names(IConfiguration configuration)
    {
        string[] names = (configuration["AllowedHosts"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return names.Length > 0 ? names : ListenRule.AllowsAnonymous(configuration) ? ["*"] : ["localhost", "127.0.0.1", "[::1]"];
    }

    /// <summary>Refuses requests for another host. A request of HTTP/1.0 may name none.</summary>
    public Task Check(HttpContext http, RequestDelegate next)
    {
        string host = http.Request.Headers.Host.ToString();
        if (host.Length == 0 || allowed is null || HostString.MatchesAny(host, allowed)) return next(http);
        string shown = host.Length <= 100 ? host : host[..100];
        HostRefused(shown, string.Join(';', allowed));
        throw new RequestException(
            StatusCodes.Status400BadRequest, "unknownHost", "Host", $"The service is not known here as '{shown}'. The option AllowedHosts lists the names that requests may use.");
    }

    [LoggerMessage(3003, LogLevel.Warning, "A request for the host {Host} was refused; AllowedHosts is {Allowed}")]
    private partial void HostRefused(string host, string allowed);
}
