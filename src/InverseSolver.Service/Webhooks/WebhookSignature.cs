using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace InverseSolver.Service.Webhooks;

/// <summary>Signatures of Standard Webhooks: HMAC-SHA256 of id, timestamp and body.</summary>
internal static class WebhookSignature
{
    /// <summary>The beginning of every secret.</summary>
    public const string Prefix = "whsec_";

    /// <summary>The value of the header <c>webhook-signature</c>: one signature for each secret.</summary>
    /// <param name="secrets">The secrets.</param>
    /// <param name="id">The message's id.</param>
    /// <param name="timestamp">The time of the attempt in unix seconds.</param>
    /// <param name="body">The body as it is sent.</param>
    public static string Of(IEnumerable<string> secrets, string id, long timestamp, string body)
    {
        byte[] signed = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}"));
        return string.Join(' ', secrets.Select(secret =>
            "v1," + Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(secret[Prefix.Length..]), signed))));
    }
}
