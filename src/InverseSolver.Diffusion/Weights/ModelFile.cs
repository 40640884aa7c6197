using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace InverseSolver.Diffusion.Weights;

/// <summary>The identity and state of a file, which change when it is replaced or written to.</summary>
internal readonly record struct FileStamp(long Bytes, long ModifiedNanoseconds, long ChangedNanoseconds, long Inode, long Volume);

/// <summary>
/// Opens the files of model packages. Regular files only: a pipe in place of a file would let its reader wait for ever, and a device may give bytes without
/// end.
/// </summary>
internal static partial class ModelFile
{
    private const int ReadOnly = 0, NonBlocking = 0x800, NoTerminal = 0x100, CloseOnExec = 0x80000, PathOnly = 0x200000;
    private const int NoEntry = 2, AccessDenied = 13, NoFolder = 20, LinkLoop = 40;
    private const int EmptyPath = 0x1000, BasicStats = 0x7FF, StatxBytes = 256;
    private const int TypeMask = 0xF000, RegularFile = 0x8000, Folder = 0x4000;

    /// <summary>Opens a regular file for reading, without waiting.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="name">Its name in messages.</param>
    /// <exception cref="InvalidModelException">It is missing, no regular file, or may not be read.</exception>
    internal static SafeFileHandle Open(string path, string name)
    {
        SafeFileHandle file = OpenNative(path, ReadOnly | NonBlocking | NoTerminal | CloseOnExec);
        if (file.IsInvalid)
        {
            throw new InvalidModelException(Marshal.GetLastPInvokeError() switch
            {
                NoEntry or NoFolder => $"{name} is missing.",
                AccessDenied => $"{name} cannot be read: the service has no right to.",
                LinkLoop => $"{name} is a link that leads to itself.",
                var error => $"{name} cannot be read: {Marshal.GetPInvokeErrorMessage(error)}.",
            });
        }

        int type = Status(file, out _);
        if (type != RegularFile)
        {
            file.Dispose();
            throw new InvalidModelException($"{name} is {(type == Folder ? "a folder" : "a pipe, a socket or a device")}, not a file.");
        }

        return file;
    }

    /// <summary>The stamp of a path's target of any kind; null where it does not exist.</summary>
    internal static FileStamp? StampOf(string path)
    {
        using SafeFileHandle file = OpenNative(path, PathOnly | CloseOnExec);
        return file.IsInvalid ? null : StampOf(file);
    }

    internal static FileStamp StampOf(SafeFileHandle file)
    {
        _ = Status(file, out FileStamp stamp);
        return stamp;
    }

    /// <summary>The path with all links resolved; null where it does not exist.</summary>
    internal static string? RealPath(string path)
    {
        using SafeFileHandle file = OpenNative(path, PathOnly | CloseOnExec);
        return file.IsInvalid ? null : new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget;
    }

    /// <summary>A small file's bytes.</summary>
    /// <exception cref="InvalidModelException">It cannot be opened, or is larger than <paramref name="most"/> bytes.</exception>
    internal static byte[] ReadAll(string path, string name, int most)
    {
        using SafeFileHandle file = Open(path, name);
        using var stream = new FileStream(file, FileAccess.Read, bufferSize: 0);
        var bytes = new byte[Math.Min(stream.Length, most + 1L)];
        int got = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return got <= most ? bytes[..got] : throw new InvalidModelException($"{name} is larger than {most} bytes.");
    }

    /// <summary>A file's SHA-256 in small hexadecimal digits.</summary>
    /// <exception cref="InvalidModelException">It cannot be opened or read.</exception>
    internal static string HashOf(string path, string name)
    {
        using SafeFileHandle file = Open(path, name);
        return HashOf(file, StampOf(file).Bytes, name);
    }

    /// <param name="file">An open file.</param>
    /// <param name="length">The bytes to hash: the length at opening, so that the hash of a growing file ends.</param>
    /// <param name="name">Its name in messages.</param>
    internal static string HashOf(SafeFileHandle file, long length, string name)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            for (long at = 0; at < length;)
            {
                int got = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at)), at);
                if (got == 0)
                {
                    throw new InvalidModelException($"{name} was truncated while it was read.");
                }

                hash.AppendData(buffer, 0, got);
                at += got;
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (IOException e)
        {
            throw new InvalidModelException($"{name} cannot be read.", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // statx, because its struct is the same on every machine.
    private static int Status(SafeFileHandle file, out FileStamp stamp)
    {
        Span<byte> status = stackalloc byte[StatxBytes];
        if (StatusNative(file, "", EmptyPath, BasicStats, status) != 0)
        {
            throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }

        stamp = new FileStamp(Long(status, 40), Time(status, 112), Time(status, 96), Long(status, 32), Long(status, 136));
        return BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & TypeMask;

        static long Long(Span<byte> from, int at) => BinaryPrimitives.ReadInt64LittleEndian(from[at..]);
        static long Time(Span<byte> from, int at) => unchecked(Long(from, at) * 1_000_000_000 + BinaryPrimitives.ReadUInt32LittleEndian(from[(at + 8)..]));
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial SafeFileHandle OpenNative(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int StatusNative(SafeFileHandle file, string path, int flags, uint mask, Span<byte> status);
}
