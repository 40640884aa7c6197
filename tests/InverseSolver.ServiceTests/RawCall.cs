using System.Net.Sockets;
using System.Text;

namespace InverseSolver.ServiceTests;

/// <summary>A connection on which a test sends what it likes, as slowly as it likes.</summary>
internal sealed class RawCall : IDisposable
{
    private readonly TcpClient _client = new();

    private RawCall()
    {
    }

    public NetworkStream Stream => _client.GetStream();

    public static async Task<RawCall> ConnectAsync(Uri address, string text = "")
    {
        var call = new RawCall();
        await call._client.ConnectAsync(address.Host, address.Port);
        await call.SendAsync(text);
        return call;
    }

    /// <summary>A request whose body never ends.</summary>
    public static Task<RawCall> StallAsync(Uri address, int sent, int announced) => ConnectAsync(
        address,
        $"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {announced}\r\n\r\n{new string(' ', sent)}");

    public Task SendAsync(string text) => Stream.WriteAsync(Encoding.ASCII.GetBytes(text)).AsTask();

    /// <summary>What the service answers until it closes the connection; nothing where it is torn down.</summary>
    public async Task<string> ReadAsync()
    {
        try
        {
            using var reader = new StreamReader(Stream, Encoding.ASCII);
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (IOException)
        {
            return "";
        }
    }

    public void Dispose() => _client.Dispose();
}
