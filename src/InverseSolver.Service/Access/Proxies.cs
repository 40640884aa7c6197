using System.Net;
using Microsoft.AspNetCore.HttpOverrides;

namespace InverseSolver.Service.Access;

/// <summary>Proxies before the service. Those that <c>Access:Proxies</c> lists are believed when they say whom they ask for, and whether by TLS.</summary>
internal static class Proxies
{
    /// <summary>Reads who they are.</summary>
    /// <exception cref="StartRefusedException">One of them is neither an address nor a network.</exception>
    public static void AddProxies(this IServiceCollection services, IConfiguration configuration)
    {
        string[] proxies = AccessOptions.List(configuration[$"{AccessOptions.Section}:{nameof(AccessOptions.Proxies)}"]);
        services.Configure<ForwardedHeadersOptions>(forwarded =>
        {
            // Without proxies nobody is believed, not even on loopback.
            forwarded.ForwardedHeaders = proxies is [] ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            // As many in a row as are known.
            forwarded.ForwardLimit = null;
            forwarded.KnownProxies.Clear();
            forwarded.KnownIPNetworks.Clear();
            foreach (string proxy in proxies)
            {
                if (IPAddress.TryParse(proxy, out IPAddress? address)) forwarded.KnownProxies.Add(address);
                else forwarded.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
            }
        });
        if (proxies.FirstOrDefault(proxy => !IPAddress.TryParse(proxy, out _) && !System.Net.IPNetwork.TryParse(proxy, out _)) is { } wrong)
        {
            throw new StartRefusedException($"Access:Proxies: {wrong} is neither an address nor a network; 10.0.0.7 and 10.1.0.0/16 are.", 2);
        }
    }
}
