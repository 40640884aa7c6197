#:property PublishAot=false
// Copying a file out of a map beside reading it, in pieces of a tensor's size, from the page cache.
//   dotnet run tests/benchmarks/reading.cs -- [MiB] [MiB of a piece]
using System.Diagnostics;
using System.IO.MemoryMappedFiles;

long bytes = (args.Length > 0 ? long.Parse(args[0]) : 512) << 20;
int piece = (args.Length > 1 ? int.Parse(args[1]) : 4) << 20;
string path = Path.GetTempFileName();
using (FileStream file = File.Create(path))
{
    var random = new byte[piece];
    Random.Shared.NextBytes(random);
    for (long at = 0; at < bytes; at += piece) file.Write(random);
}

var buffer = new byte[piece];
Console.WriteLine($"{bytes >> 20} MiB in pieces of {piece >> 20} MiB, best of 7: mapped {Best(Mapped):0} ms, read {Best(Read):0} ms");
File.Delete(path);

double Best(Action act) => Enumerable.Range(0, 7).Min(_ =>
{
    long start = Stopwatch.GetTimestamp();
    act();
    return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
});

void Mapped()
{
    using var map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
    using MemoryMappedViewAccessor view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    for (long at = 0; at < bytes; at += piece) view.SafeMemoryMappedViewHandle.ReadSpan<byte>((ulong)at, buffer);
}

void Read()
{
    using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
    for (long at = 0; at < bytes; at += piece) RandomAccess.Read(file, buffer, at);
}
