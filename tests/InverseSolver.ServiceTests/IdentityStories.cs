using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;

namespace InverseSolver.ServiceTests;

/// <summary>Senders that prove themselves by a token of an issuer or by a client certificate.</summary>
public sealed class IdentityStories : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-identity-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_token_of_the_issuer_is_an_account_with_its_tenant_and_scopes()
    {
        await using var issuer = await Issuer.StartAsync();
        using Service service = With(issuer);
        Assert.Equal((200, null), await AskAsync(service, issuer.Token("alice", "east", "openid inverse.read inverse.submit")));
        Assert.Equal((403, "missingScope"), await AskAsync(service, issuer.Token("alice", "east", "openid read")));
        Assert.Equal((401, "unauthenticated"), await AskAsync(service, null));
        using HttpResponseMessage submitted = await SendAsync(service, HttpMethod.Post, issuer.Token("alice", "east", "inverse.submit"), Requests.Job());
        Assert.Equal(HttpStatusCode.Accepted, submitted.StatusCode);

        // Alice of another tenant is another one, and a name with a slash is no tenant.
        Assert.Equal(1, await CountAsync(service, issuer.Token("alice", "east", "inverse.read")));
        Assert.Equal(0, await CountAsync(service, issuer.Token("alice", "west", "inverse.read")));
        Assert.Equal(0, await CountAsync(service, issuer.Token("east/alice", "south", "inverse.read")));
        Assert.Contains("no claim 'tenant'", await ReasonAsync(service, issuer.Token("alice", "", "inverse.read")));
        Assert.Equal(1, await CountAsync(service, issuer.Token("bob", "east", "inverse.read inverse.tenant")));
    }

    [Fact]
    public async Task Tokens_that_are_old_forged_or_for_others_are_refused_each_with_its_reason()
    {
        await using Issuer issuer = await Issuer.StartAsync(), stranger = await Issuer.StartAsync();
        using Service service = With(issuer);
        const string scopes = "inverse.read";
        string good = issuer.Token("alice", "east", scopes);
        Assert.Equal((200, null), await AskAsync(service, good));
        Assert.Contains("expired", await ReasonAsync(service, issuer.Token("alice", "east", scopes, expires: TimeSpan.FromMinutes(-5))));
        Assert.Contains("another service", await ReasonAsync(service, issuer.Token("alice", "east", scopes, audience: "other")));
        Assert.Contains("signature", await ReasonAsync(service, stranger.Token("alice", "east", scopes, issuer: issuer.Address)));
        Assert.Contains("another issuer", await ReasonAsync(service, issuer.Token("alice", "east", scopes, issuer: "http://elsewhere")));
        Assert.Contains("no claim 'sub'", await ReasonAsync(service, issuer.Token(null, "east", scopes)));
        string[] parts = good.Split('.');
        Assert.Contains("signature", await ReasonAsync(service, $"{parts[0]}.{parts[1]}.{parts[2][..^4]}AAAA"));

        // No signature at all, and one by a secret that is the public key.
        string none = Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""");
        Assert.Contains("cannot be verified", await ReasonAsync(service, $"{none}.{parts[1]}."));
        Assert.Contains("cannot be verified", await ReasonAsync(service, issuer.SignedByPublicKey("alice", "east", scopes)));
        Assert.Contains("cannot be verified", await ReasonAsync(service, "nonsense"));
        Assert.All(service.Log, line => Assert.DoesNotContain(parts[2], line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_issuer_may_change_its_keys()
    {
        await using var issuer = await Issuer.StartAsync();
        using Service service = With(issuer);
        string before = issuer.Token("alice", "east", "inverse.read");
        Assert.Equal((200, null), await AskAsync(service, before));
        issuer.Rotate();
        (int Status, string? Code) answer = default;
        for (int i = 0; i < 100 && answer.Status != 200; i++)
        {
            answer = await AskAsync(service, issuer.Token("alice", "east", "inverse.read"));
            await Task.Delay(200);
        }

        Assert.Equal((200, null), answer);
        Assert.Equal((401, "invalidToken"), await AskAsync(service, before));
    }

    [Fact]
    public async Task A_client_certificate_is_the_account_of_its_thumbprint_or_of_its_issuer()
    {
        using RSA key = RSA.Create(2048);
        using X509Certificate2 authority = Self("CN=Hospital CA", isAuthority: true), forged = Self("CN=Hospital CA", isAuthority: true);
        using X509Certificate2 known = Self("CN=scanner"), stranger = Self("CN=somebody"), pretender = Self("CN=Hospital CA");
        using X509Certificate2 ofIssuer = Signed("CN=gateway", authority), ofForger = Signed("CN=gateway", forged);
        using X509Certificate2 server = Self("CN=localhost");
        File.WriteAllBytes(PathOf("server.pfx"), server.Export(X509ContentType.Pfx, "secret"));
        File.WriteAllText(PathOf("authority.pem"), authority.ExportCertificatePem());
        using var service = new ServiceProcess(
            _folder.FullName, "https://127.0.0.1:0",
            ("Kestrel__Certificates__Default__Path", PathOf("server.pfx")), ("Kestrel__Certificates__Default__Password", "secret"),
            ("ClientCertificates__Authorities", PathOf("authority.pem")),
            ("ClientCertificates__Accounts__scanner__Thumbprint", known.GetCertHashString(HashAlgorithmName.SHA256)),
            ("ClientCertificates__Accounts__scanner__Tenant", "east"),
            ("ClientCertificates__Accounts__gateways__Issuer", "CN=Hospital CA"), ("ClientCertificates__Accounts__gateways__Scopes", "submit"));
        Uri address = (await service.ClientAsync()).BaseAddress!;
        Assert.Equal((200, null), await WithAsync(known));
        Assert.Equal((403, "missingScope"), await WithAsync(ofIssuer));
        Assert.Equal((401, "unknownCertificate"), await WithAsync(stranger));
        Assert.Equal((401, "unknownCertificate"), await WithAsync(pretender));
        Assert.Equal(401, (await WithAsync(ofForger)).Status);
        Assert.Equal((401, "unauthenticated"), await WithAsync(null));

        // A session of it ends with its account.
        string cookie;
        using (var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true, UseCookies = false })
        {
            handler.ClientCertificates.Add(known);
            using var client = new HttpClient(handler) { BaseAddress = address };
            using HttpResponseMessage session = await client.PostAsync("/v1/session", null);
            cookie = session.Headers.GetValues("Set-Cookie").Single();
            Assert.Contains("; secure; ", cookie, StringComparison.Ordinal);
        }

        service.Kill();
        foreach ((string thumbprint, int status) in ((string, int)[])[(known.GetCertHashString(HashAlgorithmName.SHA256), 200), (new string('0', 64), 401)])
        {
            string name = status == 200 ? "scanner" : "another";
            using var later = new ServiceProcess(
                _folder.FullName, "http://127.0.0.1:0", ("Access__Keys", "true"), ($"ClientCertificates__Accounts__{name}__Thumbprint", thumbprint),
                ($"ClientCertificates__Accounts__{name}__Tenant", "east"));
            using HttpClient client = await later.ClientAsync();
            using var message = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { { "Cookie", cookie.Split(';')[0] } } };
            using HttpResponseMessage answer = await client.SendAsync(message);
            Assert.Equal(status, (int)answer.StatusCode);
        }

        async Task<(int Status, string? Code)> WithAsync(X509Certificate2? certificate)
        {
            using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, sent, _, _) => sent!.Thumbprint == server.Thumbprint };
            if (certificate is not null) handler.ClientCertificates.Add(certificate);
            using var client = new HttpClient(handler) { BaseAddress = address };
            using HttpResponseMessage answer = await client.GetAsync("/v1/jobs");
            return ((int)answer.StatusCode, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["code"]);
        }
    }

    private static Service With(Issuer issuer) => new(
        folder: null, ("Oidc:Authority", issuer.Address), ("Oidc:RequireHttps", "false"), ("Oidc:TenantClaim", "tenant"), ("Oidc:ScopePrefix", "inverse."));

    private static async Task<(int Status, string? Code)> AskAsync(Service service, string? token)
    {
        using HttpResponseMessage answer = await SendAsync(service, HttpMethod.Get, token);
        return ((int)answer.StatusCode, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["code"]);
    }

    private static async Task<string> ReasonAsync(Service service, string token)
    {
        using HttpResponseMessage answer = await SendAsync(service, HttpMethod.Get, token);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        JsonNode error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.Equal(("invalidToken", "Authorization"), ((string?)error["code"], (string?)error["field"]));
        return (string)error["detail"]!;
    }

    private static async Task<int> CountAsync(Service service, string token)
    {
        using HttpResponseMessage answer = await SendAsync(service, HttpMethod.Get, token);
        return (await answer.Content.ReadFromJsonAsync<JsonObject>())!["items"]!.AsArray().Count;
    }

    private static Task<HttpResponseMessage> SendAsync(Service service, HttpMethod method, string? token, JsonObject? body = null)
    {
        var message = new HttpRequestMessage(method, "/v1/jobs") { Content = body is null ? null : JsonContent.Create(body) };
        if (token is not null) message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return service.Client.SendAsync(message);
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static X509Certificate2 Self(string name, bool isAuthority = false)
    {
        using RSA key = RSA.Create(2048);
        return Request(name, key, isAuthority).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 Signed(string name, X509Certificate2 authority)
    {
        using RSA key = RSA.Create(2048);
        using X509Certificate2 bare = Request(name, key, isAuthority: false)
            .Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 whole = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pfx), null);
    }

    private static CertificateRequest Request(string name, RSA key, bool isAuthority)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        if (!isAuthority)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        }

        return request;
    }
}
