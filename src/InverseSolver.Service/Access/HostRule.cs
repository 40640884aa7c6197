using Microsoft.Extensions.Primitives;

namespace InverseSolver.Service.Access;

/// <summary>
/// Checks the host name of requests. On loopback this prevents access by a page of another site under that site's name (DNS rebinding); beyond loopback the
/// service does not know its names, so any is accepted unless <c>AllowedHosts</c> lists them.
/// </summary>
internal sealed partial class HostRule
{
    private readonly ILogger<HostRule> _log;
    private readonly StringSegment[]? _allowed;

    /// <summary>Makes the rule.</summary>
    /// <param name="names">Hosts without ports; <c>*</c> is any, <c>*.example.org</c> any subdomain.</param>
    /// <param name="log">Records refused hosts.</param>
    public HostRule(string[] names, ILogger<HostRule> log)
    {
        _log = log;
        _allowed = names.Any(IsAny)
            ? null
            : [.. names.Select(name => new StringSegment(new HostString(name).ToUriComponent()))];
    }

    /// <summary>True for the names that stand for any host.</summary>
    public static bool IsAny(string name) => name is "*" or "[::]" or "0.0.0.0";

    /// <summary>
    /// The names of a configuration: <c>AllowedHosts</c>, separated by semicolons, else those of this machine, and any where a request says who sends it.
    /// </summary>
    public static string[] Names(IConfiguration configuration)
    {
        string[] names = AccessOptions.List(configuration["AllowedHosts"]);
        return names.Length > 0 ? names : Authentication.IsConfigured(configuration) ? ["*"] : ["localhost", "127.0.0.1", "[::1]"];
    }

    /// <summary>Refuses requests for another host. A request of HTTP/1.0 may have none.</summary>
    public Task Check(HttpContext http, RequestDelegate next)
    {
        string host = http.Request.Headers.Host.ToString();
        if (host.Length == 0 || _allowed is null || HostString.MatchesAny(host, _allowed)) return next(http);
        string name = host.Length <= 100 ? host : host[..100];
        HostRefused(name, string.Join(';', _allowed));
        throw new RequestException(
            StatusCodes.Status400BadRequest, "unknownHost", "Host",
            $"The host name '{name}' is not allowed; the option AllowedHosts lists the allowed names.");
    }

    [LoggerMessage(3003, LogLevel.Warning, "A request for the host {Host} was refused; AllowedHosts is {Allowed}")]
    private partial void HostRefused(string host, string allowed);
}
