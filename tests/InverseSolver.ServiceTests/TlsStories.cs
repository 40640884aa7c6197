using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests;

/// <summary>The service with a certificate of its own: what it speaks, and what it says of certificates that cannot be used.</summary>
public sealed partial class TlsStories : IDisposable
{
    private const string Path = "Kestrel__Certificates__Default__Path", KeyPath = "Kestrel__Certificates__Default__KeyPath",
        Password = "Kestrel__Certificates__Default__Password";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-tls-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_speaks_TLS_1_2_and_1_3_only_says_so_for_later_and_gives_cookies_that_never_leave_it(bool isPem)
    {
        using X509Certificate2 certificate = Certificate();
        using ServiceProcess service = Start(
            [.. isPem ? Pem(certificate, certificate) : Pfx(certificate, "secret", "secret"), ("Access__Keys", "true")]);
        Uri address = (await service.ClientAsync()).BaseAddress!;
        Assert.Equal("https", address.Scheme);
        File.WriteAllText(PathOf("authority.pem"), certificate.ExportCertificatePem());

        // The client offers what it is told to, with whatever ciphers there are; it is the server that refuses.
        Assert.Contains("Verify return code: 0 (ok)", Client("-tls1_3"), StringComparison.Ordinal);
        Assert.Contains("Protocol  : TLSv1.2", Client("-tls1_2"), StringComparison.Ordinal);
        Assert.Matches("alert (protocol version|handshake failure)|alert number 70", Client("-tls1_1"));
        Assert.Matches("alert (protocol version|handshake failure)|alert number 70", Client("-tls1"));

        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, sent, _, _) => sent!.Thumbprint == certificate.Thumbprint,
        };
        using var client = new HttpClient(handler) { BaseAddress = address };
        using HttpResponseMessage refused = await client.GetAsync("/v1/jobs");
        Assert.Equal((HttpStatusCode.Unauthorized, "max-age=31536000"), (refused.StatusCode, refused.Headers.GetValues("Strict-Transport-Security").Single()));
        using var signIn = new HttpRequestMessage(HttpMethod.Post, "/v1/session")
        {
            Headers = { { "X-API-Key", File.ReadAllText(PathOf("first-key")).Trim() } },
        };
        using HttpResponseMessage signedIn = await client.SendAsync(signIn);
        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
        Assert.Matches("^inverse-session=[^;]{100,}; path=/; secure; samesite=strict; httponly$", signedIn.Headers.GetValues("Set-Cookie").Single());
        Assert.DoesNotContain("expired", service.Log, StringComparison.Ordinal);

        // A request without TLS gets neither an answer nor a way to one.
        using var plain = new TcpClient();
        await plain.ConnectAsync("127.0.0.1", address.Port);
        await plain.GetStream().WriteAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(plain.GetStream());
        string answer = "";
        try
        {
            answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
        catch (IOException)
        {
            // Reset.
        }

        Assert.DoesNotContain("HTTP/1.1", answer, StringComparison.Ordinal);

        string Client(string version)
        {
            string options = $"-connect 127.0.0.1:{address.Port} {version} -cipher ALL:@SECLEVEL=0 -CAfile {PathOf("authority.pem")}";
            return Repository.Run("bash", ["-c", $"echo | timeout 20 openssl s_client {options} 2>&1"]).Output;
        }
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_used_is_one_sentence_and_exit_code_2()
    {
        using X509Certificate2 certificate = Certificate(), other = Certificate();
        File.WriteAllText(PathOf("nonsense.pem"), "nonsense");
        // In their turn, because they write the same files.
        (Func<(string Name, string Value)[]> Settings, string Said)[] cases =
        [
            (() => [(Path, PathOf("missing.pfx"))], "Could not find file '"),
            (() => [(Path, PathOf("missing.pem")), (KeyPath, PathOf("missing.key"))], "Could not find file '"),
            (() => Pfx(certificate, "secret", "wrong"), "password may be incorrect"),
            (() => Pfx(certificate, "secret", null), "password may be incorrect"),
            (() => Pem(certificate, other), "key does not match the public key"),
            (() => [(Path, PathOf("nonsense.pem")), (KeyPath, PathOf("nonsense.pem"))], PathOf("nonsense.pem")),
            (() => [Pem(certificate, certificate)[0]], "It has no private key; name one by KeyPath."),
        ];
        foreach ((Func<(string, string)[]> settings, string said) in cases)
        {
            using ServiceProcess refused = Start(settings());
            (int code, string error) = await refused.ExitAsync();
            Assert.True(code == 2, $"{code} {error}");
            Assert.StartsWith(
                "The certificate for https://127.0.0.1:0 (Kestrel:Certificates, Kestrel:Endpoints) cannot be used: ", error, StringComparison.Ordinal);
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.Single(error.Trim().Split('\n'));
        }
    }

    [Theory]
    [InlineData(-40, -10, true, "expired at ")]
    [InlineData(-40, -10, false, "expired at ")]
    [InlineData(10, 40, true, "is valid from ")]
    public async Task A_certificate_whose_time_is_not_now_is_named_in_the_log(int begin, int end, bool isPem, string said)
    {
        using X509Certificate2 certificate = Certificate(begin, end);
        using ServiceProcess service = Start(isPem ? Pem(certificate, certificate) : Pfx(certificate, "secret", "secret"));
        await service.ClientAsync();
        string line = $"The certificate {PathOf(isPem ? "tls.pem" : "tls.pfx")} {said}{DateTime.UtcNow.AddDays(said[0] == 'e' ? end : begin):yyyy-MM-dd}";
        for (int i = 0; i < 100 && !service.Log.Contains(line, StringComparison.Ordinal); i++) await Task.Delay(100);
        Assert.Contains(line, service.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_certificate_that_the_document_makes_is_one_that_curl_believes()
    {
        string text = File.ReadAllText(Repository.File("docs", "security.md"));
        Shell(Make().Match(text).Value);
        using ServiceProcess service = Start([(Path, PathOf("tls.pem")), (KeyPath, PathOf("tls.key"))]);
        Uri address = (await service.ClientAsync()).BaseAddress!;
        string curl = Ask().Match(text).Value.Replace("localhost:8443", $"localhost:{address.Port}", StringComparison.Ordinal);
        Assert.Contains("\"status\"", Shell(curl), StringComparison.Ordinal);
        Assert.NotEqual(0, Repository.Run("curl", ["-sf", address.AbsoluteUri]).ExitCode);

        string Shell(string command)
        {
            Assert.NotEmpty(command);
            (int code, string output) = Repository.Run("bash", ["-c", $"cd {_folder.FullName} && {command}"]);
            Assert.True(code == 0, output);
            return output;
        }
    }

    private ServiceProcess Start((string, string)[] settings) => new(_folder.FullName, "https://127.0.0.1:0", [.. settings, ("HOME", _folder.FullName)]);

    private (string, string)[] Pem(X509Certificate2 certificate, X509Certificate2 keyOf)
    {
        File.WriteAllText(PathOf("tls.pem"), certificate.ExportCertificatePem());
        using RSA key = keyOf.GetRSAPrivateKey()!;
        File.WriteAllText(PathOf("tls.key"), key.ExportPkcs8PrivateKeyPem());
        return [(Path, PathOf("tls.pem")), (KeyPath, PathOf("tls.key"))];
    }

    private (string, string)[] Pfx(X509Certificate2 certificate, string password, string? sent)
    {
        File.WriteAllBytes(PathOf("tls.pfx"), certificate.Export(X509ContentType.Pfx, password));
        return sent is null ? [(Path, PathOf("tls.pfx"))] : [(Path, PathOf("tls.pfx")), (Password, sent)];
    }

    private static X509Certificate2 Certificate(int begin = -1, int end = 30)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(begin), DateTimeOffset.UtcNow.AddDays(end));
    }

    private string PathOf(string name) => System.IO.Path.Combine(_folder.FullName, name);

    [GeneratedRegex("^openssl req -x509 .*$", RegexOptions.Multiline)] private static partial Regex Make();

    [GeneratedRegex("^curl .*--cacert tls.pem .*$", RegexOptions.Multiline)] private static partial Regex Ask();
}
