using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Webhooks;

/// <summary>The signature, receivers and retries of webhooks.</summary>
internal sealed class WebhookOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Webhooks";

    /// <summary>Secrets of the signatures, each <c>whsec_</c> and Base64 of 24 to 64 bytes. Each message has a signature by every one of them.</summary>
    [WebhookSecrets] public string[] Secrets { get; init; } = [];

    /// <summary>Hosts of receivers that may have private addresses and be called without TLS: names or addresses, as they stand in the URLs.</summary>
    public string[] AllowedHosts { get; init; } = [];

    /// <summary>Attempts at a message before it is given up.</summary>
    [Range(1, 30)] public int Attempts { get; init; } = 10;

    /// <summary>The time before the second attempt; later ones wait for multiples of it.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00")] public TimeSpan RetryBase { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>True where a host may have a private address.</summary>
    public bool Allows(string host) => AllowedHosts.Any(allowed => allowed.Trim('[', ']').Equals(host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase));
}

/// <summary>Checks secrets. The error does not repeat them.</summary>
internal sealed class WebhookSecretsAttribute() : ValidationAttribute("{0} must be whsec_ and Base64 of 24 to 64 random bytes, each.")
{
    /// <inheritdoc/>
    public override bool IsValid(object? value) => value is string[] secrets && secrets.All(secret =>
    {
        byte[] key = new byte[100];
        return secret.StartsWith(WebhookSignature.Prefix, StringComparison.Ordinal)
            && Convert.TryFromBase64String(secret[WebhookSignature.Prefix.Length..], key, out int length) && length is >= 24 and <= 64;
    });
}

/// <summary>Checks the webhook options at start-up.</summary>
[OptionsValidator]
internal sealed partial class WebhookOptionsValidator : IValidateOptions<WebhookOptions>;
