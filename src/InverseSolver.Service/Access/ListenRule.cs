using System.Net;

namespace InverseSolver.Service.Access;

/// <summary>Without authentication the service listens on loopback only, unless it is explicitly opened.</summary>
internal static class ListenRule
{
    /// <summary>Refuses to start when a configured address is beyond loopback and <c>Access:AllowAnonymous</c> is not set.</summary>
    /// <param name="configuration">The configuration.</param>
    public static void Check(IConfiguration configuration)
    {
        if (Addresses(configuration).FirstOrDefault(address => !IsAddress(address)) is { } nonsense)
        {
            throw new StartRefusedException($"{nonsense} is not an address to listen on; http://localhost:8080 is one.", 2);
        }

        bool isConfigured = Authentication.IsConfigured(configuration);
        if (AllowsAnonymous(configuration) && isConfigured)
        {
            throw new StartRefusedException(
                "Access:AllowAnonymous contradicts the authentication that is configured (Access:Keys, Oidc, ClientCertificates): leave one of them out.", 2);
        }

        if (isConfigured || Addresses(configuration).FirstOrDefault(address => !IsLoopback(address)) is not { } open) return;
        if (!AllowsAnonymous(configuration))
        {
            throw new StartRefusedException(
                $"Refusing to listen on {open}: it is beyond loopback and there is no authentication; set Access:Keys=true to ask for keys "
                    + "(or Oidc, ClientCertificates), or Access:AllowAnonymous=true and AllowedHosts=NAMES "
                    + "to let anyone who reaches it by these names use it.");
        }

        string[] hosts = AccessOptions.List(configuration["AllowedHosts"]);
        if (hosts is [] || !hosts.All(IsName))
        {
            throw new StartRefusedException(
                $"Refusing to listen on {open}: with Access:AllowAnonymous, AllowedHosts must list the names by which the service is reached, as "
                    + "solver.example.org or *.example.org, and not * for any, because a page of another site could reach it under a name of its own.", 2);
        }
    }

    /// <summary>True where <c>Access:AllowAnonymous</c> is set.</summary>
    public static bool AllowsAnonymous(IConfiguration configuration) =>
        configuration.GetSection(AccessOptions.Section).Get<AccessOptions>()?.AllowAnonymous ?? false;

    /// <summary>Returns the configured addresses.</summary>
    public static IEnumerable<string> Addresses(IConfiguration configuration)
    {
        IEnumerable<string?> endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]);
        IEnumerable<string> ports = AccessOptions.List(configuration["http_ports"]).Concat(AccessOptions.List(configuration["https_ports"]))
            .Select(port => $"http://*:{port}");
        IEnumerable<string> urls = AccessOptions.List(configuration["urls"]);
        // Kestrel uses ports only without URLs, and neither with endpoints of its own; all configured addresses are checked nevertheless.
        return endpoints.OfType<string>().Concat(urls.Any() ? urls : ports);
    }

    // A star stands for what is below a name, and not for any name.
    private static bool IsName(string host) =>
        (host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host) is { Length: > 0 } name && !name.Contains('*') && !HostRule.IsAny(name);

    private static bool IsAddress(string address)
    {
        try
        {
            BindingAddress.Parse(address);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static bool IsLoopback(string address)
    {
        BindingAddress binding = BindingAddress.Parse(address);
        return binding.IsUnixPipe
            || binding.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(binding.Host.Trim('[', ']'), out IPAddress? ip) && IPAddress.IsLoopback(ip));
    }
}

/// <summary>Access to the service.</summary>
internal sealed class AccessOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Access";

    /// <summary>True where the service may listen beyond loopback, open to anyone who can reach it.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>True where every request needs a key, if it has no other proof of its sender (`Oidc`, `ClientCertificates`).</summary>
    public bool Keys { get; init; }

    /// <summary>Origins whose pages may send requests and read answers (CORS), as <c>https://viewer.example.org</c>, separated by semicolons.</summary>
    public string Origins { get; init; } = "";

    /// <summary>
    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks, as <c>10.0.0.7</c> and <c>10.1.0.0/16</c>, separated by
    /// semicolons.
    /// </summary>
    public string Proxies { get; init; } = "";

    /// <summary>False: neither Swagger UI nor the OpenAPI document is served.</summary>
    public bool Swagger { get; init; } = true;

    /// <summary>The entries of a list with semicolons between them.</summary>
    public static string[] List(string? list) => (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
