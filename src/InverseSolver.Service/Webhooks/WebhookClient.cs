using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Webhooks;

/// <summary>The outcome of one attempt.</summary>
/// <param name="Error">The reason why it failed; null where the receiver accepted the message.</param>
/// <param name="IsGone">True where the receiver wants no further messages.</param>
internal readonly record struct WebhookOutcome(string? Error, bool IsGone = false);

/// <summary>
/// Sends messages. Each attempt resolves the host, checks every address and connects to a checked one; it uses no proxy, follows no redirect and reads nothing
/// of an answer but its headers.
/// </summary>
internal sealed class WebhookClient : IDisposable
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(15);

    private readonly WebhookOptions _options;
    private readonly HttpClient _http;

    /// <summary>Makes the client.</summary>
    public WebhookClient(IOptions<WebhookOptions> options)
    {
        _options = options.Value;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 0,
            // Of attempts to connect, which go on without their message.
            ConnectTimeout = TimeLimit,
            // No connection outlives the attempt whose check it passed.
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectCallback = ConnectAsync,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Makes one attempt.</summary>
    /// <param name="message">The message.</param>
    /// <param name="stopping">Cancels it.</param>
    public async Task<WebhookOutcome> SendAsync(WebhookMessage message, CancellationToken stopping)
    {
        var uri = new Uri(message.Url);
        if (WebhookTarget.Refusal(uri, _options) is { } refusal)
        {
            return new WebhookOutcome(refusal);
        }

        long timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, uri) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(message.Body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("InverseSolver", null));
        request.Headers.Add("webhook-id", message.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", WebhookSignature.Of(_options.Secrets, message.Id, timestamp, message.Body));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        end.CancelAfter(TimeLimit);
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token);
            int status = (int)answer.StatusCode;
            return status is >= 200 and < 300 ? default
                : status is >= 300 and < 400 ? new WebhookOutcome($"The receiver answered {status}; redirects are not followed.")
                : new WebhookOutcome($"The receiver answered {status}.", answer.StatusCode == HttpStatusCode.Gone);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return new WebhookOutcome($"The receiver did not answer within {TimeLimit.TotalSeconds:0} s.");
        }
        catch (HttpRequestException error)
        {
            return new WebhookOutcome(Explain(error));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        string host = context.DnsEndPoint.Host;
        IPAddress[] addresses = [];
        try
        {
            addresses = IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) ? [address] : await Dns.GetHostAddressesAsync(host, cancellation);
        }
        catch (SocketException)
        {
            // The host is unknown.
        }

        if (addresses is [] || (!_options.Allows(host) && !addresses.All(PublicAddress.Is)))
        {
            throw new AddressRefusedException();
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Explain(HttpRequestException error) => error.InnerException switch
    {
        AddressRefusedException => WebhookTarget.NotPublic,
        SocketException refused => $"The receiver cannot be reached ({refused.SocketErrorCode}).",
        AuthenticationException => "The receiver's certificate was not accepted, or TLS failed.",
        _ => $"The receiver's answer could not be read ({error.HttpRequestError}).",
    };

    private sealed class AddressRefusedException() : Exception(WebhookTarget.NotPublic);
}
