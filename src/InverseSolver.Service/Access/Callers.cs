using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>Tells callers apart by a key, or by the address that they come from.</summary>
internal sealed class Callers(IOptions<CallerOptions> options)
{
    /// <summary>The header with a caller's key.</summary>
    public const string Header = "X-API-Key";

    /// <summary>The weights of callers as a JSON object.</summary>
    public string Weights { get; } = JsonSerializer.Serialize(options.Value.Weights);

    /// <summary>The caller of a request: the name of its key, else its address.</summary>
    /// <exception cref="RequestException">The key is not one of <c>Callers:Keys</c>.</exception>
    public string Of(HttpContext http) => http.Request.Headers[Header].ToString() is { Length: 0 } ? AddressOf(http)
        : NameOf(http) ?? throw new RequestException(
            StatusCodes.Status401Unauthorized, "unknownKey", Header, "The key is unknown: send one of the service's keys, or leave the header out.");

    /// <summary>The name of a request's key; null where it has none, or an unknown one.</summary>
    public string? NameOf(HttpContext http)
    {
        if (http.Request.Headers[Header].ToString() is not { Length: > 0 } key) return null;
        byte[] given = Encoding.UTF8.GetBytes(key);
        return options.Value.Keys.FirstOrDefault(one => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one.Value), given)).Key;
    }

    /// <summary>The address that a request comes from; of IPv6 the first 64 bits, which one network has.</summary>
    public static string AddressOf(HttpContext http) => http.Connection.RemoteIpAddress is not { } address ? "local"
        : address.IsIPv4MappedToIPv6 ? $"{address.MapToIPv4()}"
        : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"{new IPAddress([.. address.GetAddressBytes()[..8], .. new byte[8]])}/64"
        : $"{address}";
}

/// <summary>Callers and what each may take.</summary>
internal sealed class CallerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Callers";

    /// <summary>Keys by the names of their callers. A request without a key belongs to the address that it comes from.</summary>
    public IReadOnlyDictionary<string, string> Keys { get; init; } = new Dictionary<string, string>();

    /// <summary>Shares of callers by name or address; 1 for those that are not listed.</summary>
    public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>();

    /// <summary>Jobs of one caller that may wait. 0: no limit.</summary>
    [Range(0, 100_000)] public int Waiting { get; init; } = 48;

    /// <summary>Jobs of one caller that run at once; others wait. 0: no limit.</summary>
    [Range(0, 1000)] public int Running { get; init; }

    /// <summary>Seconds of solving for one caller in 24 hours. 0: no limit.</summary>
    [Range(0, 1e9)] public double SolverSecondsPerDay { get; init; }

    /// <summary>Bytes of one caller's jobs, their inputs and results. 0: no limit.</summary>
    [Range(0, long.MaxValue)] public long Bytes { get; init; }
}

/// <summary>Checks the callers at start-up.</summary>
[OptionsValidator]
internal sealed partial class CallerOptionsValidator : IValidateOptions<CallerOptions>;
