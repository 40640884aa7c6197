using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>A client as browsers are: it keeps cookies. It follows no redirect by itself.</summary>
internal sealed class Browser(Uri service) : IDisposable
{
    private readonly CookieContainer _cookies = new();
    private HttpClient? _client;

    internal IEnumerable<Cookie> Cookies => _cookies.GetAllCookies();

    internal IReadOnlyList<string> SetCookies { get; private set; } = [];

    internal void Give(string session) => _cookies.Add(new Cookie("inverse-session", session, "/", service.Host));

    internal Task<HttpResponseMessage> SendAsync(string method, string address, bool headersOnly, params (string Name, string Value)[] headers) =>
        SendAsync(method, address, headersOnly, null, headers);

    internal async Task<HttpResponseMessage> SendAsync(
        string method, string address, bool headersOnly, HttpContent? content, params (string Name, string Value)[] headers)
    {
        _client ??= new HttpClient(new SocketsHttpHandler { CookieContainer = _cookies, AllowAutoRedirect = false }) { BaseAddress = service };
        using var message = new HttpRequestMessage(new HttpMethod(method), address) { Content = content };
        foreach ((string name, string value) in headers) message.Headers.TryAddWithoutValidation(name, value);
        HttpResponseMessage answer = await _client.SendAsync(
            message, headersOnly ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead);
        if (answer.Headers.TryGetValues("Set-Cookie", out IEnumerable<string>? set)) SetCookies = [.. set];
        return answer;
    }

    internal async Task<(int Status, string? Code)> AskAsync(string method, string address, params (string Name, string Value)[] headers)
    {
        using HttpResponseMessage answer = await SendAsync(method, address, headersOnly: false, headers);
        return await CodeAsync(answer);
    }

    internal async Task<(int Status, string? Code)> PostAsync(string address, JsonObject body, params (string Name, string Value)[] headers)
    {
        using HttpResponseMessage answer = await SendAsync("POST", address, headersOnly: false, JsonContent.Create(body), headers);
        return await CodeAsync(answer);
    }

    private static async Task<(int Status, string? Code)> CodeAsync(HttpResponseMessage answer)
    {
        bool isProblem = answer.Content.Headers.ContentType?.MediaType == "application/problem+json";
        return ((int)answer.StatusCode, isProblem ? (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"] : null);
    }

    internal async Task<JsonObject> JsonAsync(string method, string address, params (string Name, string Value)[] headers)
    {
        using HttpResponseMessage answer = await SendAsync(method, address, headersOnly: false, headers);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    internal Task<JsonObject> SessionAsync() => JsonAsync("GET", "/v1/session");

    internal async Task<(int Status, string? Account)> WhoAsync()
    {
        using HttpResponseMessage answer = await SendAsync("GET", "/v1/session", headersOnly: false);
        return ((int)answer.StatusCode, (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["account"]);
    }

    internal async Task<Uri> AskIssuerAsync()
    {
        using HttpResponseMessage answer = await SendAsync("GET", "/v1/session/issuer", headersOnly: false);
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        return answer.Headers.Location!;
    }

    // Follows redirects to the page where they end.
    internal async Task<string> FollowAsync(string address)
    {
        while (true)
        {
            using HttpResponseMessage answer = await SendAsync("GET", address, headersOnly: false);
            if (answer.StatusCode != HttpStatusCode.Found)
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                return address;
            }

            address = answer.Headers.Location!.ToString();
        }
    }

    public void Dispose() => _client?.Dispose();
}
