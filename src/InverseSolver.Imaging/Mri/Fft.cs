using System.Numerics;

namespace InverseSolver.Imaging;

/// <summary>The orthonormal discrete Fourier transform of one length, centred: index N/2 is the origin in both domains.</summary>
internal sealed class Fft
{
    private readonly int _length;
    private readonly int _padded;
    private readonly Complex[] _roots;
    private readonly Complex[] _chirp;
    private readonly Complex[] _kernel;
    private readonly Complex[] _work;

    internal Fft(int length)
    {
        _length = length;
        _padded = (int)BitOperations.RoundUpToPowerOf2((uint)((2 * length) - 1));
        _roots = [.. Enumerable.Range(0, _padded / 2).Select(i => Complex.FromPolarCoordinates(1, -2 * Math.PI * i / _padded))];
        // Bluestein 1970: with jk = (j² + k² - (j - k)²) / 2 the transform is a convolution with a chirp. j² is taken modulo 2N to keep its phase exact.
        _chirp = [.. Enumerable.Range(0, length).Select(i => Complex.FromPolarCoordinates(1, -Math.PI * ((long)i * i % (2 * length)) / length))];
        _kernel = new Complex[_padded];
        _work = new Complex[_padded];
        for (int i = 0; i < length; i++) _kernel[i] = _kernel[(_padded - i) % _padded] = Complex.Conjugate(_chirp[i]);
        PowerOfTwo(_kernel);
    }

    /// <summary>From image to k-space, in place.</summary>
    internal void Forward(Span<Complex> line) => Centred(line, inverse: false);

    /// <summary>From k-space to image, in place.</summary>
    internal void Inverse(Span<Complex> line) => Centred(line, inverse: true);

    private void Centred(Span<Complex> line, bool inverse)
    {
        int half = _length / 2;
        Complex[] turned = new Complex[_length];
        for (int i = 0; i < _length; i++)
        {
            Complex value = line[(i + half) % _length];
            turned[i] = inverse ? Complex.Conjugate(value) : value;
        }
        Transform(turned);
        double scale = 1 / Math.Sqrt(_length);
        for (int i = 0; i < _length; i++) line[(i + half) % _length] = scale * (inverse ? Complex.Conjugate(turned[i]) : turned[i]);
    }

    private void Transform(Complex[] values)
    {
        Array.Clear(_work);
        for (int i = 0; i < _length; i++) _work[i] = values[i] * _chirp[i];
        PowerOfTwo(_work);
        for (int i = 0; i < _padded; i++) _work[i] = Complex.Conjugate(_work[i] * _kernel[i]);
        PowerOfTwo(_work);
        for (int i = 0; i < _length; i++) values[i] = Complex.Conjugate(_work[i]) * _chirp[i] / _padded;
    }

    // Radix 2, in place, from bit-reversed order.
    private void PowerOfTwo(Complex[] values)
    {
        for (int i = 1, j = 0; i < _padded; i++)
        {
            int bit = _padded >> 1;
            for (; (j & bit) != 0; bit >>= 1) j ^= bit;
            j ^= bit;
            if (i < j) (values[i], values[j]) = (values[j], values[i]);
        }
        for (int size = 2; size <= _padded; size *= 2)
        {
            int step = _padded / size;
            for (int start = 0; start < _padded; start += size)
            {
                for (int i = 0; i < size / 2; i++)
                {
                    Complex even = values[start + i], odd = values[start + i + (size / 2)] * _roots[i * step];
                    values[start + i] = even + odd;
                    values[start + i + (size / 2)] = even - odd;
                }
            }
        }
    }
}
