using System.Net;
using System.Text.Json;
using InverseSolver.Service.Requests;

namespace InverseSolver.Service.Webhooks;

/// <summary>The receiver of a job's messages, as it is requested.</summary>
internal sealed record WebhookChoice
{
    /// <summary>The address to send messages to by POST: https, or http to a host of the option <c>Webhooks:AllowedHosts</c>.</summary>
    public required string Url { get; init; }
}

/// <summary>The receiver of a job's messages, as it is stored.</summary>
/// <param name="Url">Its address.</param>
/// <param name="Host">Its host and port, which share attempts.</param>
internal sealed record WebhookTarget(string Url, string Host)
{
    /// <summary>The text on a host that is refused by its address. It is the same where the host has none, so that internal names are not told apart.</summary>
    public const string NotPublic = "The webhook's host has no public address, and it is not listed in Webhooks:AllowedHosts.";

    private const int MaxLength = 2000;

    /// <summary>The receiver of a request as JSON to store; null where there is none.</summary>
    /// <exception cref="RequestException">The receiver is refused.</exception>
    public static string? Of(WebhookChoice? choice, WebhookOptions options)
    {
        if (choice is null)
        {
            return null;
        }

        if (options.Secrets is [])
        {
            throw RequestChecks.Unprocessable(
                "webhooksOff", "webhook", "This service has no secret to sign webhooks with: leave 'webhook' out, or set the option Webhooks:Secrets.");
        }

        if (choice.Url.Length > MaxLength || !Uri.TryCreate(choice.Url, UriKind.Absolute, out Uri? uri))
        {
            throw Refused($"A webhook's URL must be absolute, like https://example.org/hook, with at most {MaxLength} characters.");
        }

        return Refusal(uri, options) is { } refusal ? throw Refused(refusal)
            : JsonSerializer.Serialize(new WebhookTarget(uri.AbsoluteUri, uri.Authority), ApiJson.Options);
    }

    /// <summary>The reason why a URL is refused before its host is resolved; null where it is not.</summary>
    public static string? Refusal(Uri uri, WebhookOptions options)
    {
        bool isAllowed = options.Allows(uri.IdnHost);
        return uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp ? "A webhook's URL must begin with https://."
            : uri.UserInfo.Length > 0 ? "A webhook's URL must not contain a user or password."
            : uri.Scheme == Uri.UriSchemeHttp && !isAllowed ? "A webhook's URL must begin with https://, unless its host is listed in Webhooks:AllowedHosts."
            : !isAllowed && IPAddress.TryParse(uri.IdnHost.Trim('[', ']'), out IPAddress? address) && !PublicAddress.Is(address) ? NotPublic
            : null;
    }

    private static RequestException Refused(string text) => RequestChecks.Unprocessable("invalidValue", "webhook.url", text);
}

/// <summary>The fate of a message.</summary>
internal enum WebhookState
{
    /// <summary>To be sent.</summary>
    Pending,

    /// <summary>Accepted by the receiver.</summary>
    Delivered,

    /// <summary>Given up.</summary>
    Dead,
}

/// <summary>A job's webhook.</summary>
/// <param name="Url">The receiver's address without its query.</param>
/// <param name="State">The fate of its newest message.</param>
/// <param name="Attempts">Attempts to send it.</param>
/// <param name="LastError">The reason why the last attempt failed.</param>
internal sealed record JobWebhook(string Url, WebhookState State, int Attempts, string? LastError)
{
    /// <summary>A job's webhook from the database.</summary>
    /// <param name="target">The receiver; null where the job has none.</param>
    /// <param name="delivery">The other members; null before the first attempt.</param>
    public static JobWebhook? Of(WebhookTarget? target, JobWebhook? delivery) => !Uri.TryCreate(target?.Url, UriKind.Absolute, out Uri? uri) ? null
        : (delivery ?? new JobWebhook("", WebhookState.Pending, 0, null)) with { Url = uri.GetLeftPart(UriPartial.Path) };
}
