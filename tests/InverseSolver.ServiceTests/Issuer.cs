using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace InverseSolver.ServiceTests;

/// <summary>An OpenID Connect issuer: its configuration, its public keys, tokens, and the sign-in of a browser.</summary>
internal sealed class Issuer(WebApplication app) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Dictionary<string, string>> _codes = new();
    private RsaSecurityKey _key = NewKey();

    internal string Address => app.Urls.Single();

    internal static async Task<Issuer> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        var issuer = new Issuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new
        {
            issuer = issuer.Address,
            jwks_uri = $"{issuer.Address}/keys",
            authorization_endpoint = $"{issuer.Address}/authorize",
            token_endpoint = $"{issuer.Address}/token",
        }));
        // Whoever comes is alice of east, and gets a code for what the client asked.
        app.MapGet("/authorize", (HttpRequest asked) =>
        {
            string code = Guid.NewGuid().ToString("N");
            issuer._codes[code] = asked.Query.ToDictionary(one => one.Key, one => one.Value.ToString());
            return Results.Redirect($"{asked.Query["redirect_uri"]}?code={code}&state={Uri.EscapeDataString(asked.Query["state"].ToString())}");
        });
        app.MapPost("/token", async (HttpRequest asked) =>
        {
            IFormCollection form = await asked.ReadFormAsync();
            if (!issuer._codes.TryRemove(form["code"].ToString(), out Dictionary<string, string>? flow) || form["client_secret"] != "sesame"
                || Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != flow["code_challenge"])
            {
                return Results.BadRequest(new { error = "invalid_grant" });
            }

            string token = issuer.Token("alice", "east", "inverse.read inverse.submit", audience: flow["client_id"], nonce: flow["nonce"]);
            return Results.Json(new { access_token = "opaque", token_type = "Bearer", id_token = token, expires_in = 300 });
        });
        app.MapGet("/keys", () => Results.Json(new { keys = new[] { issuer.PublicKey() } }));
        await app.StartAsync();
        return issuer;
    }

    internal void Rotate() => _key = NewKey();

    internal string Token(
        string? name, string tenant, string scopes, TimeSpan? expires = null, string audience = "inverse-solver", string? issuer = null,
        string? nonce = null) =>
        Sign(new SigningCredentials(_key, SecurityAlgorithms.RsaSha256), name, tenant, scopes, expires, audience, issuer, nonce);

    internal string SignedByPublicKey(string name, string tenant, string scopes) => Sign(
        new SigningCredentials(new SymmetricSecurityKey(_key.Rsa.ExportSubjectPublicKeyInfo()) { KeyId = _key.KeyId }, SecurityAlgorithms.HmacSha256),
        name, tenant, scopes, null, "inverse-solver", null);

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private string Sign(
        SigningCredentials credentials, string? name, string tenant, string scopes, TimeSpan? expires, string audience, string? issuer,
        string? nonce = null)
    {
        DateTime end = DateTime.UtcNow + (expires ?? TimeSpan.FromMinutes(5));
        var claims = new Dictionary<string, object> { ["tenant"] = tenant, ["scope"] = scopes };
        if (name is not null) claims["sub"] = name;
        if (nonce is not null) claims["nonce"] = nonce;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer ?? Address,
            Audience = audience,
            Claims = claims,
            NotBefore = end.AddHours(-1),
            IssuedAt = end.AddHours(-1),
            Expires = end,
            SigningCredentials = credentials,
        });
    }

    private object PublicKey()
    {
        RSAParameters key = _key.Rsa.ExportParameters(includePrivateParameters: false);
        return new { kty = "RSA", use = "sig", kid = _key.KeyId, n = Base64UrlEncoder.Encode(key.Modulus), e = Base64UrlEncoder.Encode(key.Exponent) };
    }

    private static RsaSecurityKey NewKey() => new(RSA.Create(2048)) { KeyId = Guid.NewGuid().ToString("N") };
}
